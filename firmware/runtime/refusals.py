# SPDX-License-Identifier: Apache-2.0
"""Which coded outcome a device's or the operator's failure means, step by step. One table; a failure without a row is R803.

Basis: requirements/outcomes.csv. The code tells the clerk what to do next, so it depends on the step as well as on the fault.
"""

from __future__ import annotations

from typing import Final

from firmware.runtime.unit import Stop

INTERNAL: Final = "R803"
READER_SILENT: Final = "R516"
"""The ID reader gives no answer, and nothing the terminal can do by itself changed that."""
KEY: Final = "R515"
"""The record key did not sign: token away, busy, hung, or its PIN refused."""

MISSING: Final = {"owner": "R101", "guardian": "R206", "proxy": "R208", "handler": "R303", "responsible": "R305", "user": "R306"}
"""Party → the code of its document not being shown."""
TABLE: Final[dict[tuple[str, str], str]] = {
    # the document on the reader
    ("document", "deadline"): "R101",
    ("document", "no_card"): "R101",
    ("document", "card_lifted"): "R107",
    ("document", "card_rejected"): "R108",
    ("document", "unknown_document"): "R103",
    ("document", "block_refused"): "R107",
    ("document", "reader_fault"): "R513",
    ("document", "reader_silent"): READER_SILENT,
    ("document", "unknown_reader"): "R513",
    ("document", "device"): "R513",
    ("document", "link_closed"): READER_SILENT,
    ("document", "link"): READER_SILENT,
    ("document", "protocol"): "R513",
    ("document", "worker_ended"): READER_SILENT,
    ("document", "hangs"): READER_SILENT,
    # the blank card, before anything is written: no card is the clerk's to mend, another card helps a bad one, and a writer that hangs, is
    # not there or broke off is replaced as any reader
    ("card", "deadline"): "R701",
    ("card", "no_card"): "R701",
    ("card", "card_removed"): "R701",
    ("card", "unknown_card"): "R703",
    ("card", "not_blank"): "R702",
    ("card", "card_defective"): "R703",
    ("card", "protocol"): "R703",
    ("card", "hangs"): "R513",
    ("card", "link"): "R513",
    ("card", "link_closed"): "R513",
    ("card", "worker_ended"): "R513",
    ("recheck", "deadline"): "R701",
    ("recheck", "no_card"): "R701",
    ("recheck", "card_removed"): "R701",
    ("recheck", "unknown_card"): "R707",
    ("recheck", "not_blank"): "R707",
    ("recheck", "card_defective"): "R703",
    ("recheck", "protocol"): "R703",
    ("recheck", "hangs"): "R513",
    ("recheck", "link"): "R513",
    ("recheck", "link_closed"): "R513",
    ("recheck", "worker_ended"): "R513",
    # the write: power or card lost is R711, everything else R708
    ("write", "card_changed"): "R707",
    ("write", "card_removed"): "R711",
    ("write", "no_card"): "R711",
    ("write", "worker_ended"): "R711",
    ("write", "link_closed"): "R711",
    ("write", "deadline"): "R708",
    ("write", "hangs"): "R708",
    ("write", "link"): "R708",
    ("write", "protocol"): "R708",
    ("write", "device"): "R708",
    ("write", "write_failed"): "R708",
    ("write", "card_defective"): "R708",
    ("write", "key_wrong"): "R708",
    ("write", "key_blocked"): "R708",
    ("write", "not_blank"): "R702",
    ("write", "unknown_card"): "R707",
    ("write", "profile_unfit"): "R708",
    ("write", "packet_refused"): "R708",
    ("write", "script_unfit"): "R707",
    # the challenge of a card that is to be unlocked: nothing is written yet, the card must be the approved one, and its tries are not spent
    ("challenge", "card_changed"): "R707",
    ("challenge", "unknown_card"): "R707",
    ("challenge", "key_blocked"): "R703",
    ("challenge", "profile_unfit"): "R707",
    ("challenge", "deadline"): "R701",
    ("challenge", "no_card"): "R701",
    ("challenge", "card_removed"): "R701",
    ("challenge", "card_defective"): "R703",
    ("challenge", "protocol"): "R703",
    ("challenge", "hangs"): "R513",
    ("challenge", "link"): "R513",
    ("challenge", "link_closed"): "R513",
    ("challenge", "worker_ended"): "R513",
    # papers: missing, or not as they must be
    ("papers/P-A", "missing"): "R209",
    ("papers/P-A", "unfit"): "R209",
    ("papers/P-B", "missing"): "R206",
    ("papers/P-B", "unfit"): "R206",
    ("papers/P-C", "missing"): "R407",
    ("papers/P-C", "unfit"): "R407",
    ("papers/P-D", "missing"): "R408",
    ("papers/P-D", "unfit"): "R408",
    ("papers/U-A", "missing"): "R304",
    ("papers/U-A", "unfit"): "R310",
    ("papers/U-B", "missing"): "R307",
    ("papers/U-B", "unfit"): "R302",
    ("papers/U-C", "missing"): "R306",
    ("papers/U-C", "unfit"): "R306",
    **{(f"unit-document/U0{n}", "missing"): "R301" for n in range(1, 8)},
    **{(f"unit-document/U0{n}", "unfit"): "R302" for n in range(1, 8)},
    ("unit-document/U05", "unfit"): "R309",
    **{(step, kind): "R104" for step in ("document", "papers", "unit-document") for kind in ("no_frame", "unmarked")},
    # another party's document
    **{(f"{role}/document", kind): code for role, code in MISSING.items() for kind in ("deadline", "no_card")},
    ("handler/portrait", "no_frame"): "R308",
    ("handler/portrait", "deadline"): "R308",
    # the card in use
    ("old-card", "deadline"): "R701",
    ("old-card", "no_card"): "R701",
    ("old-card", "card_removed"): "R701",
    ("old-card", "blank"): "R407",
    ("old-card", "unknown_card"): "R407",
    ("old-card", "card_defective"): "R407",
    ("old-card", "protocol"): "R407",
    ("old-card", "hangs"): "R513",
    ("old-card", "link"): "R513",
    ("old-card", "link_closed"): "R513",
    ("old-card", "worker_ended"): "R513",
    # the proof
    ("verify", "card_removed"): "R711",
    ("verify", "no_card"): "R711",
    ("verify", "deadline"): "R709",
    ("verify", "hangs"): "R709",
    ("verify", "link_closed"): "R709",
    ("verify", "link"): "R709",
    ("verify", "protocol"): "R709",
    ("verify", "device"): "R709",
    ("verify", "worker_ended"): "R709",
    ("verify", "card_defective"): "R709",
    ("verify", "unknown_card"): "R709",
    # people's side
    ("confirm", "tampered"): "R506",
    ("portrait", "no_frame"): "R203",
    ("portrait", "deadline"): "R203",
    ("portrait", "hangs"): "R203",
    ("portrait", "protocol"): "R203",
}
"""(step, error kind) → code."""

UNTOUCHED: Final = frozenset({"card_changed", "not_blank", "profile_unfit", "unknown_card", "packet_refused", "script_unfit"})
"""Failures of the write that come before its first update, or are the card's word that there was none: it is as it was."""


def stop(step: str, kind: str) -> Stop:
    """Return the end of the session that an error of ``kind`` in ``step`` means."""
    own = step.rpartition("/")[2]
    code = TABLE.get((step, kind)) or TABLE.get((own, kind), INTERNAL)
    return Stop(code, touched=step in {"write", "verify"} and kind not in UNTOUCHED)
