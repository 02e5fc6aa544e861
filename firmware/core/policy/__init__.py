# SPDX-License-Identifier: Apache-2.0
"""Policy: which business with which document takes which steps, texts and limits, and by which clause.

Pure. A pack is data (:mod:`.rules`), written by people (:mod:`.source`) or signed by the operator (:mod:`.signed`); packs are put together
(:mod:`.merge`) and asked for a plan (:mod:`.plan`). The words they may use are in :mod:`.vocabulary`. Files are read by others: the floor
ships in ``firmware/packs``.
"""

from firmware.core.policy.merge import PackSet, Placed, assemble
from firmware.core.policy.operator_facts import facts
from firmware.core.policy.plan import Consent, Limits, Performers, Plan, Reason, Step, check_performable, objections, resolve, shortfall
from firmware.core.policy.rules import Pack, Rule, When
from firmware.core.policy.signed import SignedPack, check_demanded, read_pack, sign_pack
from firmware.core.policy.source import parse_source
from firmware.core.policy.vocabulary import Level, Mark, Verb

__all__ = [
    "Consent",
    "Level",
    "Limits",
    "Mark",
    "Pack",
    "PackSet",
    "Performers",
    "Placed",
    "Plan",
    "Reason",
    "Rule",
    "SignedPack",
    "Step",
    "Verb",
    "When",
    "assemble",
    "check_demanded",
    "check_performable",
    "facts",
    "objections",
    "parse_source",
    "read_pack",
    "resolve",
    "shortfall",
    "sign_pack",
]
