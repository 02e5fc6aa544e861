# SPDX-License-Identifier: Apache-2.0
"""Which cards can lie in the slot, by name. All numbers are synthetic. A new one is a description in ``models``, no line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.sim_card.description import PUK_TRIES, Model, atr, load, names, with_iccid
from simulators.sim_card.files import ADM1

if TYPE_CHECKING:
    from simulators.sim_card.files import Directory

__all__ = ["CARDS", "PERSONAS", "PUK", "Persona", "atr"]

PUK = 0x100
"""Added to a key's reference: the counter of its unblocking key."""


@dataclass(frozen=True, slots=True)
class Persona:
    """One kind of card, or with :meth:`numbered` one piece of it."""

    model: Model

    @property
    def atr(self) -> bytes:
        """What it answers to reset."""
        return self.model.atr

    @property
    def iccid(self) -> str:
        """Its number when it left the maker."""
        return self.model.iccid

    @property
    def adm(self) -> bytes:
        """Its first administrative key."""
        return self.keys()[ADM1]

    @property
    def imsi(self) -> bytes:
        """What EF_IMSI held when it left the maker."""
        return self.model.contents["ADF.USIM/IMSI" if self.model.uicc else "DF.GSM/IMSI"]

    def numbered(self, iccid: str) -> Persona:
        """Return another piece of this kind."""
        return Persona(with_iccid(self.model, iccid))

    def tree(self) -> Directory:
        """Return the file system."""
        return self.model.mf

    def tries(self) -> dict[int, int]:
        """Return the fresh counters by key reference: plus :data:`PUK` for unblocking keys, plus ``COUNTER`` for an unlocking key."""
        fresh = {key.reference: key.tries for key in self.model.keys}
        fresh |= {self.model.unlock.counter: self.model.unlock.tries} if self.model.unlock else {}
        return fresh | {PUK + key.reference: PUK_TRIES for key in self.model.keys if key.puk}

    def keys(self) -> dict[int, bytes]:
        """Return the key values, 8 bytes each."""
        return {key.reference: key.value for key in self.model.keys}

    def shared(self) -> dict[str, str | int]:
        """Return what the operator knows of such a card beside its number: keys in hex, their versions and references.

        K and OPc are absent where the operator's own profile brings them.
        """
        model = self.model
        told: dict[str, str | int] = {"adm": self.adm.hex()}
        if model.domain:
            version, keys = next(iter(model.domain.keys.items()))
            told |= {"kic": keys.kic.hex(), "kid": keys.kid.hex(), "key_version": version, "algorithm": keys.algorithm}
        if model.channel:
            told |= {"enc": model.channel.enc.hex(), "mac": model.channel.mac.hex(), "channel_version": model.channel.version}
        if not (model.behaviour.k_place or model.behaviour.key_command):
            told |= {"k": model.behaviour.k.hex(), "opc": model.behaviour.opc.hex()}
        if model.unlock:
            told |= {"unlock": model.unlock.key.hex(), "unlock_ref": model.unlock.reference}
        return told

    def contents(self) -> dict[str, bytes]:
        """Return what every file holds when the card leaves its maker."""
        return dict(self.model.contents)


CARDS: dict[str, Persona] = {name: Persona(load(name)) for name in names()}
"""Every card there is a description of."""

PERSONAS = {
    name: CARDS[name]
    for name in ("blank-usim", "blank-usim-2", "personalised", "fixed-iccid", "unknown", "pin-enabled", "proactive", "usim-unlock")
}
"""Those the rig's operator sells or refuses."""
