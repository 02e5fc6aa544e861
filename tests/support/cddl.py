# SPDX-License-Identifier: Apache-2.0
"""The normative message text as an independent validator (zcbor) reads it.

zcbor validates a map in the order of the text and builds a named tuple of what it found, which fails when two members have the same
type. So members stand in the order of their keys here, and nothing is built.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import cbor2
import zcbor  # type: ignore[import-untyped]  # it ships no types
from zcbor.zcbor.zcbor import CddlValidationError, DataTranslator  # type: ignore[import-untyped]  # the same

TEXT = Path(__file__).parents[2] / "firmware/core/messages.cddl"
PRELUDE = Path(zcbor.__file__).parent / "zcbor/prelude.cddl"
MOST = 4096  # elements where the text sets no limit


class _Judge(DataTranslator):  # type: ignore[misc]  # zcbor ships no types
    """Validates, and builds nothing of what it validated."""

    def _construct_obj(self, my_list: list[Any]) -> Any:
        return my_list or None

    def _flatten_obj(self, obj: Any) -> Any:
        return obj


def _plain(text: str) -> str:
    """Return the text in the dialect of zcbor: ``*n`` with its lower bound, members of one line in the order of their keys."""
    text = re.sub(r"(?<=[\[{ ])\*(\d+)", r"0*\1", text)
    return re.sub(r"5 => seconds, 4 => seconds", "4 => seconds, 5 => seconds", text)


@functools.cache
def _types() -> dict[str, Any]:
    text = PRELUDE.read_text(encoding="utf-8") + "\n" + _plain(TEXT.read_text(encoding="utf-8"))
    types: dict[str, Any] = _Judge.from_cddl(cddl_string=text, default_max_qty=MOST).my_types
    return types


def names() -> set[str]:
    """Return the rules of the text."""
    return set(re.findall(r"^([a-z][a-z0-9-]*) =", TEXT.read_text(encoding="utf-8"), re.MULTILINE))


def valid(rule: str, data: bytes) -> bool:
    """Return whether ``data`` is what ``rule`` describes."""
    try:
        _types()[rule].validate_str(data)
    except (CddlValidationError, cbor2.CBORDecodeError):
        return False
    return True
