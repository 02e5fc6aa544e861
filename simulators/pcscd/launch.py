# SPDX-License-Identifier: Apache-2.0
"""The outside of a private pcscd: finds a way to be root of a namespace, and holds the inside by its standard input.

The ladder, first that works: root's own ``unshare``; a user namespace; ``sudo -n unshare``. Whether a rung works is known only
by trying (containers and security modules forbid in different places), so each is tried by starting the real inside.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
from pathlib import Path

START_S = 20.0
ROOT = Path(__file__).parents[2]
"""Where the inside finds its own package; sudo keeps the working directory and little else."""

NAMESPACES = ("unshare", "--mount", "--net")
RUNGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("root", NAMESPACES),
    ("user namespace", ("unshare", "--map-root-user", "--mount", "--net")),
    ("sudo", ("sudo", "-n", *NAMESPACES)),
)
REMEDY = "a private pcscd needs root, unprivileged user namespaces (kernel.unprivileged_userns_clone=1), or password-less sudo"


class CannotStart(Exception):
    """No rung of the ladder held, or pcscd itself failed; the message says why and names the remedy."""


class Inside:
    """A started inside; ends with :meth:`close`, or when this process ends in any way."""

    def __init__(self, run_dir: Path, reader: str) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        failures: list[str] = []
        for rung, prefix in RUNGS if os.geteuid() == 0 else RUNGS[1:]:
            answer = self._try(prefix, run_dir, reader)
            if answer.get("serving"):
                self.rung = rung
                return
            self.close()
            failures.append(f"{rung}: {answer['error']}")
        raise CannotStart("\n".join([*failures, f"remedy: {REMEDY}"]))

    def _try(self, prefix: tuple[str, ...], run_dir: Path, reader: str) -> dict[str, object]:
        command = [*prefix, "--", sys.executable, "-m", "simulators.pcscd.inner", str(run_dir.resolve()), reader]
        complaints = run_dir / "inner.log"
        try:
            with complaints.open("wb") as log:
                self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)  # noqa: S603  # ours
        except OSError as error:
            return {"error": str(error)}
        answer = self._answer()
        if not answer:
            lines = complaints.read_text(errors="replace").split("\n")
            return {"error": "; ".join(line for line in lines if line) or "it ended or stayed silent"}
        return answer

    def _answer(self) -> dict[str, object]:
        """Return one answer of the inside, empty when there is none."""
        output = self._process.stdout
        if output is None:
            return {"error": "no output"}
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            line = output.readline() if selector.select(START_S) else b""
        answer: dict[str, object] = json.loads(line) if line else {}
        return answer

    def order(self, word: str) -> None:
        """Have pcscd killed (``stop``), started, or both (``restart``); returns when it is done. Raises ``OSError``."""
        with self._lock:
            if self._process.stdin is None:
                raise OSError("closed")
            self._process.stdin.write(word.encode() + b"\n")
            self._process.stdin.flush()
            answer = self._answer()
        if answer.get("done") != word:
            raise OSError(str(answer.get("error", "the inside ended")))

    def close(self) -> None:
        """End the inside and wait for it."""
        process = getattr(self, "_process", None)
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
