# SPDX-License-Identifier: Apache-2.0
"""The SIM writer as the terminal's worker knows it: operations in, plain values out.

Decides when the card is reset and which lengths are remembered. Rules: every operation looks at the card that lies in the reader
now, after a cold reset; lengths learned from a card are used again only for the card type and ICCID they came from.

Configuration: ``reader`` (exact PC/SC name), ``pcscd_socket`` (optional). The device is opened by the first operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hal.link.pcsc import PcscLink
from hal.sim_card import cards, profile
from hal.sim_card.personalise import CardAtWork

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation


class SimCardService:
    """Operations ``await_card``, ``identify``, ``write``, ``read_back``, ``counters``; raises ``HalError`` only."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._link = PcscLink(config["reader"], config.get("pcscd_socket"))
        self._lengths: dict[tuple[str, str], dict[str, int]] = {}
        """Card type name and ICCID → lengths of its files; at most the card written last."""
        self.operations: Mapping[str, Operation] = {
            "await_card": self._await_card,
            "identify": self._identify,
            "write": self._write,
            "read_back": self._read_back,
            "counters": self._counters,
        }

    @property
    def link_us(self) -> int:
        """Microseconds spent inside PC/SC calls."""
        return self._link.link_us

    @link_us.setter
    def link_us(self, value: int) -> None:
        self._link.link_us = value

    def close(self) -> None:
        """Power the card off."""
        self._link.close()

    def _await_card(self, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        return {"atr": self._link.wait_for_card(deadline).hex()}

    def _identify(self, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        atr, card_type = self._reset(deadline)
        identity = CardAtWork(self._link, card_type).identify(deadline)
        blank = identity.imsi == ""
        return {"atr": atr.hex(), "card_type": card_type.name, "iccid": identity.iccid, "blank": blank, "imsi_present": not blank}

    def _write(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        wanted = profile.from_json(arguments["profile"])
        before = self._counts()
        _, card_type = self._reset(deadline)
        card = CardAtWork(self._link, card_type)
        done = card.write(wanted, arguments["expected_iccid"], deadline)
        self._lengths = {(card_type.name, wanted.iccid): card.lengths}
        return {**self._since(before), "written": list(done.written), "skipped": list(done.skipped)}

    def _read_back(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        wanted = profile.from_json(arguments["profile"])
        before = self._counts()
        _, card_type = self._reset(deadline)
        card = CardAtWork(self._link, card_type, self._lengths.get((card_type.name, wanted.iccid)))
        found = card.read_back(wanted, deadline)
        return {
            "equal": not found.mismatched,
            "mismatched": list(found.mismatched),
            "iccid": found.iccid,
            "imsi": found.imsi,
            **self._since(before),
        }

    def _counters(self, _: dict[str, Any], __: Deadline) -> dict[str, Any]:
        return self._since((0, 0))

    def _reset(self, deadline: Deadline) -> tuple[bytes, cards.CardType]:
        atr = self._link.power_cycle(deadline)
        return atr, cards.identify(atr)

    def _counts(self) -> tuple[int, int]:
        return self._link.apdus, self._link.octets

    def _since(self, before: tuple[int, int]) -> dict[str, Any]:
        return {"apdus": self._link.apdus - before[0], "bytes": self._link.octets - before[1]}
