# SPDX-License-Identifier: Apache-2.0
"""Talk to a terminal's maintenance process: on this machine, or over ssh.

A terminal is named ``local:/path/terminal.toml`` or ``ssh:USER@HOST``. Either way the shipped
``firmware.runtime.maintenance`` answers JSON lines on its standard streams; the link only carries them, under the command's deadline.
"""

from __future__ import annotations

import json
import re
import selectors
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from hal.errors import DeadlinePassed
from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from types import TracebackType

    from hal.deadline import Deadline

SSH_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.:-]*\Z")
REMOTE_COMMAND = "rnt-maintenance"
"""Installed with the terminal's software; reads the terminal's own configuration."""
MAX_LINE = 1 << 20

EXITS = {
    "busy": (ExitCode.BUSY, "stop the terminal (systemctl stop rnt-terminal), then repeat"),
    "open_session": (ExitCode.UNSAFE, "let the terminal finish the open activation, then repeat"),
    "provisioned": (ExitCode.NOTHING_TO_DO, "repeat with --renew --serial SERIAL to replace keys and certificates"),
    "not_provisioned": (ExitCode.NOT_FOUND, "rnt provision --help"),
    "no_waiting_keys": (ExitCode.FAILED, "repeat rnt provision from the start"),
    "verification": (ExitCode.VERIFICATION, "ask the operator's CA why it issued this certificate"),
    "sealed_elsewhere": (
        ExitCode.VERIFICATION,
        "connect the controller that sealed the keys; if it was replaced, rnt provision … --renew gives up what it sealed",
    ),
    "seal_broken": (ExitCode.UNSAFE, "take the terminal out of service; have the controller replaced, then rnt provision … --renew"),
    "controller": (ExitCode.NOT_FOUND, 'rnt doctor --only controller; a terminal without one: [keys] seal = "none"'),
    "two_people": (ExitCode.NOT_AUTHORISED, "rnt staff request, then two people rnt staff sign; one of them a supervisor or inspector"),
    "not_here": (ExitCode.NOT_FOUND, "rnt terminal info names the open sessions"),
    "config": (ExitCode.NOT_FOUND, "correct the terminal's configuration, then rnt doctor"),
}
"""The terminal's word for why it refused → our exit code and the next step."""
OTHERWISE = (ExitCode.FAILED, "rnt doctor")


def command_for(terminal: str) -> list[str]:
    """Return the command that starts the maintenance process of ``terminal``; raises :class:`Stopped` for another form of name."""
    kind, _, rest = terminal.partition(":")
    if kind == "local" and rest:
        return [sys.executable, "-m", "firmware.runtime.maintenance", "--config", rest]
    if kind == "ssh" and SSH_TARGET.match(rest):
        return ["ssh", "-T", "-o", "BatchMode=yes", "--", rest, REMOTE_COMMAND]
    raise Stopped(
        ExitCode.USAGE, f"{terminal!r} does not name a terminal.", "use --terminal local:/path/terminal.toml or --terminal ssh:USER@HOST"
    )


class TerminalLink:
    """A running maintenance process; a context manager that ends it."""

    def __init__(self, terminal: str, deadline: Deadline) -> None:
        self._terminal = terminal
        self._deadline = deadline
        self._buffer = b""
        command = command_for(terminal)
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603  # built above
        except FileNotFoundError as error:
            raise Stopped(
                ExitCode.NOT_FOUND, f"The program {command[0]!r} is not on this machine.", f"install {command[0]}, then repeat"
            ) from error
        try:
            self.serial = self._hello()
        except BaseException:
            self.close()
            raise

    def _hello(self) -> str:
        serial = _checked(self._receive()).get("serial")
        if not isinstance(serial, str):
            raise self._gone()
        return serial

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Run one operation on the terminal; raises :class:`Stopped` when it refuses, is gone, or the deadline passes."""
        stdin = self._process.stdin
        if stdin is None:
            raise self._gone()
        try:
            stdin.write(json.dumps({"op": op, "args": arguments}).encode() + b"\n")
        except BrokenPipeError as error:
            raise self._gone() from error
        answer = _checked(self._receive())
        found = answer.get("ok")
        if not isinstance(found, dict):
            raise self._gone()
        return found

    def _receive(self) -> dict[str, Any]:
        stdout = self._process.stdout
        if stdout is None:
            raise self._gone()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                try:
                    if not selector.select(self._deadline.check()):
                        continue
                except DeadlinePassed as error:
                    raise Stopped(
                        ExitCode.BUSY, f"The terminal {self._terminal} did not answer in time.", "repeat with a longer --timeout"
                    ) from error
                part = stdout.read(65536)
                if not part or len(self._buffer) > MAX_LINE:
                    raise self._gone()
                self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._gone() from error
        if not isinstance(answer, dict):
            raise self._gone()
        return answer

    def _gone(self) -> Stopped:
        return Stopped(
            ExitCode.NOT_FOUND,
            f"No terminal answers at {self._terminal}.",
            "check the name, the cable and (for ssh:) your login, then repeat",
        )

    def close(self) -> None:
        """End the process: close its input, then kill what does not leave within 5 s."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        """Return itself, already started."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process."""
        self.close()


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        code, hint = EXITS.get(str(answer["error"]), OTHERWISE)
        raise Stopped(code, str(answer.get("message", answer["error"])), hint)
    return answer
