# SPDX-License-Identifier: Apache-2.0
"""The promises every rnt command keeps: help, JSON lines, documented exit codes, no question without a terminal."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from host_tools.rnt.command import LazyGroup
from host_tools.rnt.main import rnt
from host_tools.rnt.outcome import ExitCode

FIELDS = {"schema", "type", "code", "name", "retryable", "message", "hint", "data"}


def walk(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command, str]]:
    for name, (_, text) in group.table.items():
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, LazyGroup):
            yield from walk(command, (*path, name))
        else:
            yield (*path, name), command, text


COMMANDS = list(walk(rnt))
NAMES = [" ".join(path) for path, _, _ in COMMANDS]


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "host_tools.rnt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin or "")


@pytest.mark.parametrize(("path", "command", "text"), COMMANDS, ids=NAMES)
def test_command_help_names_every_common_option(path: tuple[str, ...], command: click.Command, text: str) -> None:
    done = run(*path, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert command.help is not None
    assert command.help.startswith(text.rstrip("."))
    assert all(option in done.stdout for option in ("--json", "--no-input", "--timeout"))


@pytest.mark.parametrize("path", [path for path, _, _ in COMMANDS], ids=NAMES)
def test_command_json_ends_with_one_result_and_a_documented_code(path: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*path, "--json", *(["--config", str(tmp_path / "none.toml")] if path == ("doctor",) else []))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["schema"] for line in lines} == {"rnt.cli/1"}
    assert [line["type"] for line in lines].count("result") == 1
    assert lines[-1]["type"] == "result"
    assert set(lines[-1]) == FIELDS
    assert lines[-1]["code"] == done.returncode
    assert ExitCode(done.returncode).name.lower() == lines[-1]["name"]


@pytest.mark.parametrize("path", [path for path, command, _ in COMMANDS if any(p.name == "yes" for p in command.params)])
def test_changing_command_has_a_plan_and_a_yes(path: tuple[str, ...]) -> None:
    assert "--dry-run" in run(*path, "--help").stdout


@pytest.mark.clause("TB-18", "JX-44d")
def test_only_these_commands_change_something() -> None:
    found = [path for path, command, _ in COMMANDS if any(p.name == "yes" for p in command.params)]
    assert found == [("provision",), ("card", "write"), ("staff", "install"), ("staff", "carry-out"), ("policy", "install")]


def test_unknown_command_is_a_usage_error_with_a_next_step() -> None:
    done = run("fly")
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert "next: rnt --help" in done.stderr


def test_no_command_prints_help_on_stderr_and_fails() -> None:
    done = run()
    assert done.returncode == ExitCode.USAGE
    assert "Commands:" in done.stderr


def test_group_without_command_is_a_usage_error_in_json_too() -> None:
    done = run("terminal", "--json")
    assert done.returncode == ExitCode.USAGE
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "result"


def test_version_prints_data_on_stdout_only() -> None:
    done = run("version")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("rnt ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_RNT_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    "terminal", ["", "terminal.toml", "ssh:", "ssh:host", "ssh:user@", "ssh:-oProxyCommand=x@host", "ssh:user@-host", "usb:1"]
)
def test_terminal_name_of_another_form_is_a_usage_error(terminal: str) -> None:
    done = run("terminal", "info", "--terminal", terminal)
    assert done.returncode == ExitCode.USAGE


def test_help_imports_no_heavy_library() -> None:
    script = (
        "import sys; sys.argv = ['rnt', '--help']\n"
        "from host_tools.rnt.main import run\nrun(['--help'])\n"
        "heavy = {'cryptography', 'ssl', 'sqlite3', 'asyncio', 'serial', 'smartcard', 'rich', 'hal', 'firmware'} & set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
