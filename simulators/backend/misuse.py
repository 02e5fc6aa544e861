# SPDX-License-Identifier: Apache-2.0
"""Wrong ways to name a mode and to fill its issue data, beside those of :mod:`simulators.backend.approvals`.

Each takes a good draft and makes it wrong in one way; digests and signature are right, so that only the content can be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.backend.pool import FIELDS, RELAY, SCRIPT, UNLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.approvals import Draft

MODE = 264
ENVELOPE = bytes.fromhex("80C2000002D100")
SUCCESS = [[0x9000, 0xFFFF]]


def _mode(word: str | int | None) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        del draft.claims[MODE]
        if word is not None:
            draft.claims[MODE] = word

    return change


def _other_mode(draft: Draft) -> None:
    """Name a mode whose data have another form than those sealed."""
    draft.claims[MODE] = SCRIPT if draft.claims[MODE] != SCRIPT else FIELDS


def _issue(mode: str, form: Callable[[dict[int, Any]], dict[int, Any]], *, named: str | None = None) -> Callable[[Draft], None]:
    """Seal ``form`` of the good data's ICCID, IMSI and MSISDN, of ``mode``; the approval names ``named`` instead when told."""

    def change(draft: Draft) -> None:
        numbers = {key: draft.profile[key] for key in (1, 2, 3)}
        plain, draft.carried = draft.seal(form(numbers))
        draft.claims |= {261: draft.digest(plain), 262: draft.digest(draft.carried), MODE: named or mode}

    return change


def _profile(**changes: Any) -> Callable[[dict[int, Any]], dict[int, Any]]:
    rest = {4: "RNT MOBILE", 5: "8612000000500", 6: ["46000:4000"], 7: [], 8: [], 9: 2}
    return lambda numbers: {**numbers, **rest, **{int(name[1:]): value for name, value in changes.items()}}


def _script(*steps: list[Any]) -> Callable[[dict[int, Any]], dict[int, Any]]:
    return lambda numbers: {**numbers, 4: list(steps)}


def _order(most: int) -> Callable[[dict[int, Any]], dict[int, Any]]:
    return lambda numbers: {**numbers, 4: most}


_STEP = [ENVELOPE, SUCCESS, True]
_ADM = [0x0A, bytes(8)]
_SHORT_CHALLENGE = [bytes(15), bytes(16), bytes(32)]
ISSUE_VARIANTS: Mapping[str, Callable[[Draft], None]] = {
    "no_mode": _mode(None),
    "unknown_mode": _mode("magic"),
    "mode_of_another_type": _mode(1),
    "other_mode": _other_mode,
    "script_as_fields": _issue(SCRIPT, _script(_STEP), named=FIELDS),
    "fields_as_script": _issue(FIELDS, _profile(p10=_ADM), named=SCRIPT),
    "script_without_steps": _issue(SCRIPT, _script()),
    "step_without_command": _issue(SCRIPT, _script([b"", SUCCESS, True])),
    "step_without_status": _issue(SCRIPT, _script([ENVELOPE, [], True])),
    "step_too_long": _issue(SCRIPT, _script([bytes(262), SUCCESS, True])),
    "too_many_steps": _issue(SCRIPT, _script(*[_STEP] * 65)),
    "relay_of_257": _issue(RELAY, _order(257)),
    "relay_of_none": _issue(RELAY, _order(0)),
    "fields_without_adm": _issue(FIELDS, _profile()),
    "unlock_with_adm": _issue(UNLOCK, _profile(p10=_ADM, p12=0x0A)),
    "unlock_without_key": _issue(UNLOCK, _profile()),
    "short_challenge": _issue(FIELDS, _profile(p10=_ADM, p11=_SHORT_CHALLENGE)),
}
