# SPDX-License-Identifier: Apache-2.0
"""Rules for every source file. A failing rule lists the lines that break it."""

import ast
from collections import Counter
from pathlib import Path

from tests.support.tree import CODE, ROOT, SHIPPED, hits, lines, python_files, tracked

MAX_LINES = 450
THIS = Path("tests/meta/test_meta_code.py")
HOST_CODE = [path for path in python_files(*SHIPPED) if path.parts[:2] != ("firmware", "controller")]
TESTS = [path for path in python_files("tests") if path != THIS]
ALL = [path for path in python_files(*CODE) if path != THIS]


def names(path: Path) -> set[str]:
    """Return every name a file binds or uses."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
    return found


def test_source_files_begin_with_their_licence() -> None:
    scripts = [path for path in tracked() if path.name in {"run", "set-up"}]
    missing = [str(path) for path in ALL + scripts if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines(path)[:2])]
    assert missing == []


def test_source_files_are_short_enough_to_read() -> None:
    assert [f"{path}: {len(lines(path))}" for path in ALL if len(lines(path)) > MAX_LINES] == []


def test_nothing_is_called_a_bare_sim() -> None:
    """It is ``sim_card`` or ``uicc`` for the card, ``simulator`` for the stand-in."""
    files = [str(path) for path in tracked() if "sim" in {part.lower() for part in (*path.parts[:-1], path.stem)}]
    used = [f"{path}: {name}" for path in ALL for name in names(path) if name.strip("_").lower() == "sim"]
    assert files + used == []


def test_every_ignore_says_why() -> None:
    """``# noqa: CODE  # reason`` and ``# type: ignore[code]  # reason``."""
    bare = r"#\s*(noqa(?!: [A-Z]+[0-9]+)|type: ignore(?!\[))|#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])\s*$"
    assert hits(ALL, bare) == []


def test_shipped_code_does_not_sleep() -> None:
    """Wait for a condition under a deadline instead."""
    assert hits(HOST_CODE, r"\b(time|asyncio)\.sleep\(|from time import .*sleep|from asyncio import .*sleep") == []


def test_shipped_code_knows_no_stand_in() -> None:
    """Real or simulated is decided at the wire, by paths in the configuration."""
    assert hits(HOST_CODE, r"--simulate|\bclass (Fake|Mock|Dummy|Stub)|\bif (self\.)?_?simulat") == []


def test_shipped_code_has_no_bare_except_and_no_run_time_assert() -> None:
    """Broad and silent ones are the linter's to find (BLE001, S110)."""
    assert hits(HOST_CODE, r"except\s*:|^\s+assert ") == []


def test_tests_patch_no_library() -> None:
    """Drive the wire instead."""
    assert hits(TESTS, r"mock\.patch|import mock|unittest\.mock|\bmocker\b|monkeypatch\.setattr") == []


def test_tests_skip_nothing() -> None:
    """A missing capability fails; it does not skip in silence."""
    assert hits(TESTS, r"pytest\.(skip|xfail|importorskip)|mark\.(skip|skipif|xfail)\b") == []


def test_test_files_have_names_of_their_own() -> None:
    counted = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, count in counted.items() if count > 1] == []


def test_nothing_is_left_to_do_in_a_comment() -> None:
    assert hits(ALL, r"#.*\b(TODO|FIXME|XXX|HACK)\b") == []


def test_every_package_says_what_it_is_for() -> None:
    empty = [str(path) for path in ALL if path.name == "__init__.py" and not ast.get_docstring(ast.parse("\n".join(lines(path))))]
    assert empty == []


def test_only_the_session_makes_permits_and_write_commands() -> None:
    """No write without approval: nothing else in the product can build what the writer asks for."""
    found = {
        word: {path.as_posix() for path in HOST_CODE if any(word in line for line in lines(path))}
        for word in ("grant_permit", "WriteCard(", "_SESSION_MODULE")
    }
    assert found["grant_permit"] == {"firmware/core/effects.py", "firmware/core/session.py"}
    assert found["_SESSION_MODULE"] == {"firmware/core/effects.py"}
    assert found["WriteCard("] == {"firmware/core/session.py", "firmware/runtime/runner.py"}


def test_only_the_minting_module_takes_the_mint_of_holders() -> None:
    """R115: the token that makes an identity is not taken by anybody but the module whose importers are held by contract."""
    taken = {path.as_posix() for path in HOST_CODE if any("hal.document import" in line and "_MINT" in line for line in lines(path))}
    assert taken == {"hal/minting.py"}
