# SPDX-License-Identifier: Apache-2.0
"""A terminal's configuration on this machine, and the operator's backend as a process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.kit.launch import RunningSimulator

TEMPLATE = """
[terminal]
serial = "RNT-000001"
state_dir = "{folder}/state"
run_dir = "{folder}/run"
[backend]
url = "{url}"
timeout_s = 5
[id_reader]
port = "{folder}/id-reader"
[sim_card]
reader = "rnt SIM writer 00 00"
pcscd_socket = "{folder}/pcscd.comm"
[keys]
seal = "none"
[controller]
port = "{folder}/controller"
[camera]
source = "{folder}/camera.sock"
[printer]
port = "{folder}/printer"
"""


@dataclass(frozen=True)
class Outcome:
    """What a command did: its JSON lines, its result, its exit code."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        return self.lines[-1]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result["data"]
        return found


@dataclass(frozen=True)
class Bench:
    """One terminal on this machine and its operator."""

    folder: Path
    operator: RunningSimulator
    prefix: list[str] = field(default_factory=list)
    """Command the tool is started with, such as one that takes rights away."""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "terminal.toml"

    @property
    def order_file(self) -> Path:
        return self.folder / "order.txt"

    @property
    def ca(self) -> str:
        return str(self.operator.endpoints["ca"])

    def new_order(self) -> None:
        self.order_file.write_text(self.operator.control("work_order")["token"])

    def rnt(self, *arguments: str, environment: dict[str, str] | None = None) -> Outcome:
        command = [*self.prefix, sys.executable, "-m", "host_tools.rnt", *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, input="", env={**os.environ, **(environment or {})})
        return Outcome(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)

    def provision(self, *more: str, **changed: str) -> Outcome:
        options = {
            "terminal": f"local:{self.config}",
            "operator": str(self.operator.endpoints["url"]),
            "operator-ca": self.ca,
            "work-order": str(self.order_file),
        }
        named = [
            part
            for name, value in (options | {k.replace("_", "-"): v for k, v in changed.items()}).items()
            for part in (f"--{name}", value)
        ]
        return self.rnt("provision", *named, "--yes", *more)

    def info(self) -> dict[str, Any]:
        return self.rnt("terminal", "info", "--terminal", f"local:{self.config}").data

    def doctor(self, *only: str) -> dict[str, dict[str, str]]:
        outcome = self.rnt("doctor", "--config", str(self.config), "--only", ",".join(only))
        return {check["id"]: check for check in outcome.data["checks"]}
