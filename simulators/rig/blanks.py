# SPDX-License-Identifier: Apache-2.0
"""What a rig tells its operator of the blank cards that may lie in the slot: numbers and keys as the card models have them.

Decides which cards the operator's pool holds: every model without an IMSI. In which mode they are issued is the operator's choice (its
``--mode``, or the ``blank`` command for one card); a card without a USIM cannot be asked to prove K.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from simulators.sim_card.personas import CARDS

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.sim_card.personas import Persona

EMPTY_IMSI = b"\xff" * 9
SMSP, SMSP_2G = "ADF.USIM/SMSP", "DF.TELECOM/SMSP"


def announcement(card: Persona) -> dict[str, str | int | bool]:
    """Return the operator's words for this piece: ``{iccid, …keys, smsp, smsp_2g?, challenge?}``."""
    told: dict[str, str | int | bool] = {"iccid": card.iccid, **card.shared()}
    files = dict(card.tree().all_files())
    if SMSP in files:
        told["smsp"] = files[SMSP].size
    if SMSP_2G in files and files[SMSP_2G].place == SMSP_2G:
        told["smsp_2g"] = files[SMSP_2G].size
    return told if card.model.uicc else {**told, "challenge": False}


def write_pool(path: Path) -> None:
    """Write the pool, readable by its owner alone: the keys are test values, but they are keys."""
    path.touch(mode=0o600)
    path.write_text(json.dumps([announcement(card) for card in CARDS.values() if card.imsi == EMPTY_IMSI]), encoding="utf-8")
