# SPDX-License-Identifier: Apache-2.0
"""The keys of one terminal as provisioning sees them: those in use, those waiting for certificates, the store key, and what seals them.

Rules
* Keys made here are sealed by the controller the configuration names. One that never had a secret makes it first.
* A key sealed by a controller that is not the connected one is lost (:meth:`DeviceKeys.lost`). Only a renewal, which the engineer names the
  terminal for, gives up what was sealed under it.
* The store key is replaced in steps that may be cut anywhere: the new key's file, the journal, the file's own name.

It decides nothing about when; :mod:`firmware.runtime.maintenance` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from firmware.core.suite import INTERNATIONAL, SUITES, Suite
from firmware.journal import Journal
from firmware.journal.rekey import belongs, replace_store_key
from firmware.keystore import (
    KeyMissing,
    KeyUnfit,
    PublicKey,
    SealedElsewhere,
    create_key,
    create_store_key,
    has_key,
    load_store_key,
    open_signer,
    public_key,
    store_key_file,
    store_key_length,
)
from firmware.runtime import installation
from firmware.runtime.sealing import seal_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from firmware.keystore import Signer
    from firmware.runtime.config import Config

STORE_KEY: Final = "keys/store.key"
NEXT_STORE_KEY: Final = "keys/store.key.next"
STORE_KEY_LOST: Final = "store_key_lost"
"""Kind of the row, a session of its own, that says: what was sealed before it can be opened by nobody."""


class DeviceKeys:
    """The keys that ``config`` names, in its state directory."""

    def __init__(self, config: Config) -> None:
        self._state = config.terminal.state_dir
        self._stage = self._state / installation.STAGE
        self._uris = {"record": config.keys.record, "tls": config.keys.tls}
        self.seal = seal_of(config)

    def prepare(self) -> None:
        """Make sure that there is something to seal with. Raises ``KeystoreError``."""
        if self.seal:
            self.seal.prepare()

    def signer(self, purpose: str, base: Path | None = None) -> Signer | None:
        """Return the key in use, or the one waiting under ``base``; ``None`` when there is none. Raises ``KeystoreError``."""
        uri, where = self._uris[purpose], base or self._state
        return open_signer(uri, where, self.seal) if has_key(uri, where) else None

    def waiting(self, purpose: str) -> Signer | None:
        """Return the key that waits for its certificate. Raises ``KeystoreError``."""
        return self.signer(purpose, self._stage)

    def public(self, purpose: str) -> PublicKey | None:
        """Return which key is in use, without asking the controller. Raises ``KeystoreError``."""
        uri = self._uris[purpose]
        return public_key(uri, self._state) if has_key(uri, self._state) else None

    def make(self, suites: Mapping[str, Suite]) -> dict[str, Signer]:
        """Return the waiting key of each purpose, made now if need be, in the suite given for it. Raises ``KeystoreError``."""
        try:
            waiting = {purpose: self.waiting(purpose) for purpose in suites}
        except (KeyMissing, KeyUnfit, SealedElsewhere):  # cut off while they were made: nobody has their certificates, others are as good
            installation.discard(self._state)
            waiting = {}
        self._stage.mkdir(mode=0o700, exist_ok=True)
        return {
            purpose: waiting.get(purpose) or create_key(self._uris[purpose], self._stage, suite, self.seal)
            for purpose, suite in suites.items()
        }

    def suite(self) -> Suite | None:
        """Return the suite this terminal has for good, which its store key tells; ``None`` before the first key. ``KeystoreError``."""
        if not (self._state / STORE_KEY).exists():
            return None
        length, _ = store_key_length(self._state / STORE_KEY)
        return next(suite for suite in SUITES.values() if suite.store_key_length == length)

    def store_key(self) -> bytes:
        """Return the store key. Raises ``KeystoreError``."""
        return load_store_key(self._state / STORE_KEY, self.seal)

    def ensure_store_key(self, suite: Suite = INTERNATIONAL) -> None:
        """Make the store key when there is none, and end a replacement that was cut. Raises ``KeystoreError``, ``JournalError``."""
        self._finish_replacement()
        if not (self._state / STORE_KEY).exists():
            create_store_key(self._state / STORE_KEY, suite, self.seal)

    def lost(self) -> bool:
        """Return whether a key in use was sealed by another controller. Raises ``KeystoreError``."""
        try:
            for purpose in self._uris:
                self.signer(purpose)
            self.store_key()
        except SealedElsewhere:
            return True
        except (KeyMissing, KeyUnfit):
            pass  # not provisioned, or damaged: nothing a controller has to do with
        return False

    def replace_lost_store_key(self) -> None:
        """Give up what another controller's store key sealed, if that is so. Raises ``KeystoreError``, ``JournalError``."""
        try:
            self.store_key()
        except SealedElsewhere:
            (self._state / NEXT_STORE_KEY).unlink(missing_ok=True)
            create_store_key(self._state / NEXT_STORE_KEY, self.suite() or INTERNATIONAL, self.seal)
            key = load_store_key(self._state / NEXT_STORE_KEY, self.seal)
            replace_store_key(self._state / "journal.db", key)
            self._finish_replacement()

    def to_reseal(self) -> dict[str, bytes]:
        """Return the store key's file, sealed, for installation, when it is to be sealed and is not. Raises ``KeystoreError``."""
        _, is_sealed = store_key_length(self._state / STORE_KEY)
        if self.seal is None or is_sealed:
            return {}
        return {STORE_KEY: store_key_file(self.store_key(), self.seal)}

    def _finish_replacement(self) -> None:
        """Carry a replacement on when the journal has the new key already, else forget it: the old one still counts."""
        following = self._state / NEXT_STORE_KEY
        if not following.exists():
            return
        try:
            key = load_store_key(following, self.seal)
        except (KeyUnfit, SealedElsewhere):
            following.unlink()
            return
        path = self._state / "journal.db"
        if path.exists() and not belongs(path, key):
            following.unlink()
            return
        with Journal.open(path, key) as journal:
            journal.append(os.urandom(16), STORE_KEY_LOST, b"", close=True)
        installation.replace(following, self._state / STORE_KEY)
