# SPDX-License-Identifier: Apache-2.0
"""A pack as people write it: TOML, before anybody signs it.

Decides whether a text is a pack source. It becomes the same :class:`~firmware.core.policy.rules.Pack` as the signed map, by way of the same
checks, so nothing can be written here that could not be signed. Words stand in one text with spaces between them::

    id = "cn/unicom"
    version = 1
    parents = ["cn/base@1"]

    [[demand]]
    evidence = "old-iccid"
    kinds = "T03 T04"
    clauses = "UC-9"
    mark = "seed"

Reads text, not files.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

from firmware.core import cbor, claims
from firmware.core.errors import Malformed
from firmware.core.policy.rules import Pack
from firmware.core.policy.vocabulary import Category, Verb

_SELECTORS: Final = ("kinds", "documents", "having", "without", "levels")
_COMMON: Final = frozenset({*_SELECTORS, "clauses", "mark", "awaiting"})
_HEAD: Final = frozenset({"id", "version", "parents"})


def parse_source(data: bytes) -> Pack:
    """Return the pack a TOML source says; :class:`~firmware.core.errors.Malformed` naming the rule for anything else."""
    try:
        found = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("not TOML") from None
    if not _HEAD <= found.keys() <= _HEAD | set(Verb):
        raise Malformed("unknown or missing table")
    rules = [_claim(verb, table) for verb in Verb for table in _tables(found.get(verb.value, []))]
    try:
        order = sorted((cbor.encode(rule), rule) for rule in rules)
    except (TypeError, ValueError):
        raise Malformed("value") from None
    pack = {257: found["id"], 258: found["version"], 259: sorted(_parents(found["parents"])), 260: [rule for _, rule in order]}
    return Pack.from_claims(pack)


def _tables(value: Any) -> list[dict[str, Any]]:
    if type(value) is not list or not all(type(table) is dict for table in value):
        raise Malformed("tables")
    return value


def _parents(value: Any) -> list[list[Any]]:
    parents = []
    for text in claims.array(value):
        name, at, version = claims.text(text).partition("@")
        if not at or not (version.isascii() and version.isdecimal()):
            raise Malformed("parents")
        parents.append([name, int(version)])
    return parents


def _claim(verb: Verb, table: dict[str, Any]) -> list[Any]:
    """Return the ``rule`` array of one table."""
    own, subject, value = _body(verb, table)
    if table.keys() - _COMMON - own:
        raise Malformed(f"unknown field in {verb.value}")
    when: dict[int, Any] = {number: _words(table[name]) for number, name in enumerate(_SELECTORS, 1) if name in table}
    if "levels" in table:
        when[5] = [int(word) if word.isdecimal() else word for word in when[5]]
    rule = [verb.value, subject, value, when, _words(table.get("clauses", "")), table.get("mark"), not table.get("awaiting", False)]
    if type(table.get("awaiting", False)) is not bool:
        raise Malformed("awaiting")
    return rule


def _body(verb: Verb, table: dict[str, Any]) -> tuple[frozenset[str], Any, Any]:
    """Return the fields a verb has of its own, and the rule's subject and value."""
    match verb:
        case Verb.OFFER:
            return frozenset(), "", []
        case Verb.BAR:
            return frozenset({"code"}), table.get("code"), []
        case Verb.DEMAND:
            named = [category for category in Category if category.value in table]
            if len(named) != 1:
                raise Malformed("a demand names one category")
            return frozenset({named[0].value}), named[0].value, _words(table[named[0].value])
        case Verb.LIMIT:
            return frozenset({"name", "value"}), table.get("name"), table.get("value")
        case Verb.TEXT:
            return frozenset({"code", "step", "zh", "en"}), table.get("code"), [table.get("step"), table.get("zh"), table.get("en")]


def _words(value: Any) -> list[Any]:
    """Return the words of a text, ascending."""
    if type(value) is not str:
        raise Malformed("words")
    return sorted(value.split())
