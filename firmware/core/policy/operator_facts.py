# SPDX-License-Identifier: Apache-2.0
"""What an operator says of itself, for its papers: texts of packs that are printed and never shown as a consent.

``O-1`` its name · ``O-2`` its licence number · ``O-3`` the phone for complaints · ``O-4`` its own halls · ``O-5`` where to appeal ·
``O-6`` the tariff. The floor marks each as the operator's to give; a pack above states it, and no two packs may state it differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.core.policy.vocabulary import PAPER, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.core.policy.merge import PackSet


def facts(packs: PackSet) -> Mapping[str, tuple[str, str]]:
    """Return code → (zh, en) of everything the packs in force say of the operator."""
    found = {}
    for placed in packs.rules():
        rule = placed.rule
        if rule.verb is Verb.TEXT and rule.in_force and rule.items[0] == PAPER:
            found[rule.subject] = (rule.items[1], rule.items[2])
    return found
