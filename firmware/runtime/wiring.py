# SPDX-License-Identifier: Apache-2.0
"""The composition root: builds a :class:`~firmware.runtime.unit.Unit` out of a configuration and the state directory.

Before it opens a key it ends what the journal may no longer keep.
The only place that knows which implementation stands behind which part. It opens files and keys; it starts nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from firmware.backend.client import BackendClient
from firmware.core.keyring import Trust
from firmware.journal import Journal
from firmware.keystore import KeystoreError, load_store_key, open_signer, provider_of, store_key_length, suite_of_store_key, tls_key_file
from firmware.kiosk.server import Kiosk
from firmware.runtime import installation, policies, retention
from firmware.runtime.clock import Clock
from firmware.runtime.device_keys import STORE_KEY
from firmware.runtime.maintenance import TRUST
from firmware.runtime.reader_power import LEDGER, ReaderWorker
from firmware.runtime.registered_reader import registered_sam_id
from firmware.runtime.sealing import seal_of
from firmware.runtime.unit import Interrupt, Unit
from firmware.runtime.workers import DeviceWorker
from firmware.update.software import software_digest

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.runtime.config import Config

JOURNAL: Final = "journal.db"
DEVICES: Final = ("id_reader", "sim_card", "controller", "camera", "printer")


class NotProvisioned(Exception):
    """The unit has no keys or no trust yet. The text names what is missing and the command that makes it."""


def open_keys(config: Config) -> None:
    """Open the store key, which the controller may keep shut, and let it go again; raises what the keystore raises."""
    load_store_key(config.terminal.state_dir / STORE_KEY, seal_of(config))


def build(config: Config) -> Unit:
    """Return the unit; raises :class:`NotProvisioned`, or what the journal and the keystore raise."""
    state = config.terminal.state_dir
    installation.finish(state)
    if not (state / STORE_KEY).exists():
        raise _not_provisioned(config)
    try:
        store_key = load_store_key(state / STORE_KEY, seal_of(config))
    except KeystoreError:
        _erase_without_key(state)
        raise
    journal = Journal.open(state / JOURNAL, store_key)
    try:
        clock = Clock(journal.time_floor())
        retention.begin(journal, clock.now())  # first of all, whatever else may be wrong with this unit
        return _build(config, store_key, journal, clock)
    except BaseException:
        journal.close()
        raise


def _erase_without_key(state: Path) -> None:
    """End what may no longer be kept on a unit whose controller is gone or keeps the keys shut."""
    if (state / JOURNAL).exists():
        with Journal.open(state / JOURNAL, None) as journal:
            retention.enforce(journal, Clock(journal.time_floor()).now(), keyless=True)


def _not_provisioned(config: Config) -> NotProvisioned:
    return NotProvisioned(f"{config.terminal.serial} is not provisioned; run: rnt provision --help")


def _build(config: Config, store_key: bytes, journal: Journal, clock: Clock) -> Unit:
    state, seal = config.terminal.state_dir, seal_of(config)
    trust_file = state / TRUST
    if not trust_file.exists():
        raise _not_provisioned(config)
    stored = json.loads(trust_file.read_bytes())
    if type(stored) is not dict:
        raise NotProvisioned(f"the trust list of {config.terminal.serial} is damaged; provision it again")
    signer = open_signer(config.keys.record, state, seal)
    provider = provider_of(signer)
    if provider.suite is not suite_of_store_key(store_key):
        raise NotProvisioned(
            f"the keys of {config.terminal.serial} are of different suites; provision it again from an empty state directory"
        )
    trust = Trust.from_json(stored, provider)
    with tls_key_file(config.keys.tls, state, seal) as tls_key:
        backend = BackendClient(
            config.backend.url,
            state / "trust" / "operator-ca.pem",
            state / "trust" / "tls-cert.pem",
            tls_key,
            config.backend.timeout_s,
        )
    held = policies.load(state, trust, clock.now().at).above(journal.pack_floor())
    if held.refused is None:
        journal.raise_pack_floor(held.versions)
    return Unit(
        config=config,
        journal=journal,
        clock=clock,
        kiosk=Kiosk(config.terminal.run_dir / "kiosk.sock"),
        devices=_workers(config),
        signer=signer,
        trust=trust,
        backend=backend,
        software=software_digest(),
        interrupt=Interrupt(),
        policies=held,
        registered_sam=registered_sam_id(state),
        sealed=store_key_length(state / STORE_KEY)[1],
    )


def _workers(config: Config) -> dict[str, DeviceWorker]:
    """Return the workers; the ID reader's can have its power switched."""
    workers = {name: DeviceWorker(name, config.device(name)) for name in _devices(config)}
    config.terminal.run_dir.mkdir(parents=True, exist_ok=True)
    ledger = config.terminal.run_dir / LEDGER
    ledger.unlink(missing_ok=True)  # it counts since the start
    workers["id_reader"] = ReaderWorker(config.device("id_reader"), workers["controller"], ledger)
    return workers


def _devices(config: Config) -> tuple[str, ...]:
    """Return the device classes of this unit: a photo decoder only where somebody owns one."""
    return (*DEVICES, "portrait") if config.portrait.library else DEVICES
