# SPDX-License-Identifier: Apache-2.0
"""How the terminal's process ends when it cannot work: its exit code, and one line on standard error without anybody's text."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.station import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.station import Station


def run(toml: Path) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "firmware.runtime", "--config", str(toml)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    (line,) = ended.stderr.splitlines()
    told: dict[str, Any] = json.loads(line)
    return ended.returncode, told


def changed(station: Station, tmp_path: Path, before: str, after: str) -> Path:
    """Return a copy of the terminal's configuration with one value changed."""
    text = station.terminal_toml.read_text(encoding="utf-8")
    assert before in text
    copy = tmp_path / "terminal.toml"
    copy.write_text(text.replace(before, after), encoding="utf-8")
    return copy


def test_fault_of_the_software_ends_with_its_place_and_no_traceback(station: Station, tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.write_bytes(b"")
    code, told = run(changed(station, tmp_path, f'"{station.root}/run"', f'"{file}"'))
    assert (code, told["level"], told["error"]) == (1, "fatal", "FileExistsError")
    assert str(file) not in str(told)


@pytest.mark.parametrize("trust", [b"{", b"{}", b"[]", b'{"operator_id": 1}', b"\xff"], ids=repr)
def test_unusable_trust_is_exit_code_6(tmp_path: Path, trust: bytes) -> None:
    for name, content in {"trust/trust.json": trust, "keys/store.key": bytes(32)}.items():
        path = tmp_path / "state" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    devices = "".join(f'[{name}]\nport = "x"\n' for name in ("id_reader", "controller", "printer"))
    toml = tmp_path / "terminal.toml"
    toml.write_text(
        f'[terminal]\nserial = "RNT-000001"\nstate_dir = "{tmp_path}/state"\nrun_dir = "{tmp_path}/run"\n'
        f'[backend]\nurl = "https://localhost:1"\n{devices}[sim_card]\nreader = "x"\n[camera]\nsource = "x"\n'
    )
    code, told = run(toml)
    assert (code, told["level"]) == (6, "fatal")
