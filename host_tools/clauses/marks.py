# SPDX-License-Identifier: Apache-2.0
"""Find the tests that say which clause they prove: ``@pytest.mark.clause("TB-08", "O25-06b")``, read from the source without running it.

Rules
* A mark names its clauses as literal texts; it stands on a function, on a parameter of it, or in a file's ``pytestmark``.
* What is found is named as pytest names it, without parameters: ``tests/unit/x/test_x.py::test_y``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK: Final = "clause"


def marked(root: Path) -> dict[str, tuple[str, ...]]:
    """Return test → the clauses it says it proves, for every file ``test_*.py`` below ``root/tests``."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f"mark.{MARK}(" in text:
            name = path.relative_to(root).as_posix()
            found.update({f"{name}::{test}": clauses for test, clauses in _of_file(ast.parse(text))})
    return found


def _of_file(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    everywhere = [name for node in tree.body if _is_pytestmark(node) for name in _named(node)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            own = [name for decorator in node.decorator_list for name in _named(decorator)]
            if everywhere or own:
                yield node.name, tuple(dict.fromkeys([*everywhere, *own]))


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _named(node: ast.AST) -> Iterator[str]:
    """Return the clauses that marks anywhere below ``node`` name; ``ValueError`` for one that is no literal."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == MARK:
            for argument in call.args:
                if not isinstance(argument, ast.Constant) or type(argument.value) is not str:
                    raise ValueError(f"line {argument.lineno}: a clause is named by a literal text")
                yield argument.value
