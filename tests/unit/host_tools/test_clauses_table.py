# SPDX-License-Identifier: Apache-2.0
"""From marks and a recorded run to verdicts, and from those to what people and programs read."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from host_tools.clauses import __main__ as command
from host_tools.clauses import page, record
from host_tools.clauses.marks import marked
from host_tools.clauses.table import Row, Verdict, rows
from tests.support.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
import pytest
pytestmark = pytest.mark.clause("TB-01")

@pytest.mark.clause("TB-08", "DS-15")
@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.clause("TB-09"))])
def test_one(x): ...

def test_two(): ...

def helper(): ...
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def verdicts(tree: Path) -> dict[str, Verdict]:
    return {row.clause: row.verdict for row in rows(tree)}


def test_marks_of_file_function_and_parameter_are_found(tree: Path) -> None:
    assert marked(tree) == {"tests/test_x.py::test_one": ("TB-01", "TB-08", "DS-15", "TB-09"), "tests/test_x.py::test_two": ("TB-01",)}


def test_mark_that_is_no_literal_is_refused(tree: Path) -> None:
    (tree / "tests" / "test_y.py").write_text("@pytest.mark.clause(NAME)\ndef test_y(): ...\n", encoding="utf-8")
    with pytest.raises(ValueError, match="literal"):
        marked(tree)


def test_marked_test_that_was_not_run_proves_nothing(tree: Path) -> None:
    assert record.read(tree) is None
    assert verdicts(tree)["DS-15"] is Verdict.NOT_RUN


def test_clause_is_proven_when_all_its_tests_passed_and_failed_when_one_did_not(tree: Path) -> None:
    record.merge(tree, {"tests/test_x.py::test_one[1]": True, "tests/test_x.py::test_one[2]": True})
    assert (verdicts(tree)["DS-15"], verdicts(tree)["TB-01"]) == (Verdict.PROVEN, Verdict.NOT_RUN)
    record.merge(tree, {"tests/test_x.py::test_two": False})
    assert (verdicts(tree)["DS-15"], verdicts(tree)["TB-01"]) == (Verdict.PROVEN, Verdict.FAILED)
    record.merge(tree, {"tests/test_x.py::test_two": True})
    assert verdicts(tree)["TB-01"] is Verdict.PROVEN


def test_clause_that_awaits_a_room_is_not_proven_by_a_part(tree: Path) -> None:
    (tree / "tests" / "test_x.py").write_text("@pytest.mark.clause('JX-05')\ndef test_z(): ...\n", encoding="utf-8")
    record.merge(tree, {"tests/test_x.py::test_z": True})
    assert verdicts(tree)["JX-05"] is Verdict.AWAITING


def test_clause_nobody_proves_or_awaits_is_open(tree: Path) -> None:
    assert verdicts(tree)["DS-16"] is Verdict.OPEN


def test_command_without_a_recorded_run_says_which_to_run(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([], tree) == command.NOT_RECORDED
    assert "./run test" in capsys.readouterr().err


def test_command_that_names_an_unknown_clause_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "host_tools.clauses", "TB-99"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "firmware/packs/clauses.toml" in done.stderr


class Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]


def test_page_holds_every_clause_once_and_fetches_nothing(tree: Path) -> None:
    everything = rows(tree)
    text = page.html(everything, "abc1234")
    shown = Shown()
    shown.feed(text)
    assert sorted(shown.ids) == sorted(row.clause for row in everything)
    assert shown.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "src=" not in text
    assert "url(" not in text


def test_page_escapes_what_it_shows() -> None:
    row = Row("TB-01", "Tibet order 106", "<b>&", ("tests/<x>.py::test",), Verdict.PROVEN)
    assert "&lt;b&gt;&amp;" in page.html([row], "")
    assert "tests/<x>" not in page.html([row], "")


def test_command_shows_each_verdict_and_ends_badly_when_one_is_open_or_failed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record.merge(tree, {"tests/test_x.py::test_one[1]": True, "tests/test_x.py::test_two": False})
    assert command.main(["DS-15", "--json"], tree) == command.OK
    shown, counts = map(json.loads, capsys.readouterr().out.splitlines())
    assert (shown["verdict"], shown["tests"], counts["counts"]["proven"]) == ("proven", ["tests/test_x.py::test_one"], 1)
    assert command.main(["TB-01"], tree) == command.FAILED
    assert "test_two" in capsys.readouterr().out


@pytest.mark.slow
def test_marked_run_is_recorded_from_all_workers(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        "import pytest\n@pytest.mark.clause('TB-08')\n@pytest.mark.parametrize('x', [1, 2, 3])\ndef test_a(x): assert x < 3\n",
        encoding="utf-8",
    )
    options = ["-q", "-n", "2", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.conftest"]
    subprocess.run([sys.executable, "-m", "pytest", *options, str(tmp_path)], cwd=ROOT, capture_output=True, check=False, timeout=60)
    [ending] = (record.read(tmp_path) or {}).values()
    assert (ending.passed, len(ending.failed)) == (2, 1)


def test_test_of_an_unknown_clause_is_not_collected(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text("import pytest\n@pytest.mark.clause('TB-99')\ndef test_a(): ...\n", encoding="utf-8")
    options = ["-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.conftest"]
    run = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4
    assert "nobody explained the clauses TB-99" in done.stdout + done.stderr
