# SPDX-License-Identifier: Apache-2.0
"""What a room must hold: a device has a driver, a simulator, vectors and tests; a document's commands exist."""

import json
import re
from pathlib import Path

import click
import pytest

from hal.worker import SERVICES
from host_tools.rnt.main import rnt
from tests.support.tree import ROOT, lines, tracked

SIMULATORS_WITHOUT_PROCESS = {"kit", "personas"}
"""What the simulators share: tools and people."""
FOLDERS = {path.parts[1] for path in tracked() if path.parts[0] == "simulators" and len(path.parts) > 2}
SIMULATORS = sorted(FOLDERS - SIMULATORS_WITHOUT_PROCESS)
DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]
COMMAND = re.compile(r"^\s*(?:\$ )?(?:sudo )?(\./run|rnt) +([a-z][a-z-]*)(?: +([a-z]+))?", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_commands() -> set[str]:
    text = (ROOT / "run").read_text(encoding="utf-8")
    found = re.search(r"^  ([a-z |]+)\) ;;$", text, re.MULTILINE)
    assert found is not None
    return {*found[1].split(" | "), "help"}


@pytest.mark.parametrize("name", SIMULATORS)
def test_simulator_is_a_process_with_a_page_of_its_own(name: str) -> None:
    folder = ROOT / "simulators" / name
    assert [part for part in ("__main__.py", "README.md") if not (folder / part).is_file()] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_device_has_driver_simulator_vectors_and_contract_tests(name: str) -> None:
    module = SERVICES[name].partition(":")[0].replace(".", "/")
    wanted = [f"{module}.py", f"simulators/{name}/__main__.py", f"tests/vectors/{name}", f"tests/contract/{name}"]
    assert [part for part in wanted if not (ROOT / part).exists()] == []


def sources(value: object) -> bool:
    """Tell whether every vector says where it comes from: at the top of the file, or each for itself."""
    if isinstance(value, dict):
        return "source" in value or (bool(value) and all(sources(inner) for inner in value.values()))
    return isinstance(value, list) and bool(value) and all(sources(inner) for inner in value)


@pytest.mark.parametrize("path", [path for path in tracked() if path.parts[:2] == ("tests", "vectors") and path.suffix == ".json"], ids=str)
def test_vectors_say_where_they_come_from(path: Path) -> None:
    assert sources(json.loads((ROOT / path).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_commands_in_documents_exist(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    missing = []
    for block in FENCE.findall(text):
        for program, command, sub in COMMAND.findall(block):
            if program == "./run" and command != "rnt":
                missing += [command] if command not in run_commands() else []
            else:
                missing += missing_rnt_command(sub if program == "./run" else command, "" if program == "./run" else sub)
    assert missing == []


def missing_rnt_command(name: str, sub: str) -> list[str]:
    command = rnt.get_command(click.Context(rnt), name)
    if command is None:
        return [f"rnt {name}"]
    if isinstance(command, click.Group) and sub not in command.list_commands(click.Context(command)):
        return [f"rnt {name} {sub}"]
    return []


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_in_documents_lead_somewhere(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert [target for target in LINK.findall(text) if not (ROOT / path.parent / target).exists()] == []


def test_decisions_are_numbered_without_a_gap_and_tell_the_whole_story() -> None:
    found = sorted(path for path in tracked() if path.parts[:3] == ("firmware", "docs", "adr") and path.name != "README.md")
    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    sections = ("## Context", "## Options", "## Decision", "## Consequences")
    assert [str(path) for path in found if any(section not in lines(path) for section in sections)] == []


def test_every_dependency_has_its_reason() -> None:
    lists = [path for path in tracked() if path.parts[0] == "requirements" and path.suffix == ".in"]
    packages = [line for path in lists for line in lines(path) if line and not line.startswith(("#", "-r"))]
    assert [line for line in packages if "# " not in line] == []
