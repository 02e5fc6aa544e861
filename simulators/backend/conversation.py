# SPDX-License-Identifier: Apache-2.0
"""One secure channel (SCP03) through a terminal: rounds of commands out, rounds of answers in.

Decides which commands go next and whether the card answered as it must. Rules

1. The card proves itself (INITIALIZE UPDATE) before a host cryptogram leaves, and authenticates before a secured command leaves.
2. Secured commands go in batches; each good answer carries the card's MAC, and each must be a success.
3. The relay is complete when every command was answered so, and EF_IMSI, read last, came back as written. Anything else ends it incomplete.

The terminal fetches what a card has waiting (61xx) itself; a word that is no success is an answer that ends the channel.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from simulators.backend.card_crypto import ChannelFailed, Scp03Host, Scp03Keys
from simulators.backend.card_crypto.files import imsi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.backend.pool import Blank

SELECT_ISSUER = bytes.fromhex("00A4040C08A000000151000000")
"""The issuer's security domain, GlobalPlatform Card Specification §11.9."""
BATCH = 8
GOOD = (0x90, 0x91)


class Conversation:
    """One session with one card. ``complete``: everything was carried out and proven."""

    def __init__(self, blank: Blank, commands: Sequence[bytes], number: str) -> None:
        keys = Scp03Keys(blank.keys["enc"], blank.keys["mac"], blank.numbers["channel_version"])
        self._host = Scp03Host(keys, os.urandom(8))
        self._left, self._imsi = list(commands), imsi(number)
        self._asked = 0
        self._step = self._initialized
        self.complete = False

    def start(self) -> list[bytes]:
        """Return the first round."""
        return self._out([SELECT_ISSUER, self._host.initialize_update()])

    def then(self, answers: Sequence[bytes]) -> list[bytes]:
        """Take a round's answers (data and status word each); returns the next round, empty at the end. Raises nothing."""
        if len(answers) != self._asked:
            return []
        try:
            return self._out(self._step(answers))
        except ChannelFailed:
            return []

    def _out(self, commands: list[bytes]) -> list[bytes]:
        self._asked = len(commands)
        return commands

    def _initialized(self, answers: Sequence[bytes]) -> list[bytes]:
        if len(answers[0]) < 2 or answers[0][-2] not in GOOD:
            raise ChannelFailed("no_domain")
        command = self._host.external_authenticate(answers[1])
        self._step = self._authenticated
        return [command]

    def _authenticated(self, answers: Sequence[bytes]) -> list[bytes]:
        self._host.authenticated(answers[0])
        self._step = self._carried_out
        return self._batch()

    def _carried_out(self, answers: Sequence[bytes]) -> list[bytes]:
        data = b""
        for answer in answers:
            data, sw = self._host.unwrap(answer)
            if sw >> 8 not in GOOD:
                raise ChannelFailed("refused", sw)
        if not self._left:
            self.complete = hmac.compare_digest(data, self._imsi)
        return self._batch()

    def _batch(self) -> list[bytes]:
        now, self._left = self._left[:BATCH], self._left[BATCH:]
        return [self._host.wrap(command) for command in now]
