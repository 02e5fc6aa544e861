# SPDX-License-Identifier: Apache-2.0
"""Two members of an operator's staff with keys of their own, on the roster of a terminal: for tests of what takes two people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from firmware.core.staff import sign_warrant
from firmware.core.suite import INTERNATIONAL, Suite
from firmware.keystore import create_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from firmware.keystore import Signer

ROLES = {"c-17": "clerk", "s-01": "supervisor", "e-09": "engineer"}


class Staff:
    """Keys in ``folder``. ``roster`` asks the operator for its signature; ``rnt`` runs the engineer's tool."""

    def __init__(
        self,
        folder: Path,
        roster: Callable[[list[dict[str, str]]], str],
        rnt: Callable[..., Any],
        terminal: str,
        suite: Suite = INTERNATIONAL,
    ) -> None:
        self.folder, self.terminal, self._rnt = folder, terminal, rnt
        folder.mkdir(mode=0o700, exist_ok=True)
        self.signers: dict[str, Signer] = {staff_id: create_key(f"file:{staff_id}.pem", folder, suite) for staff_id in ROLES}
        self.people = [{"id": i, "role": ROLES[i], "spki": signer.spki.hex()} for i, signer in self.signers.items()]
        (folder / "roster.cose").write_bytes(bytes.fromhex(roster(self.people)))
        self._number = 0

    def install(self) -> None:
        """Put the roster on the terminal."""
        self._rnt("staff", "install", str(self.folder / "roster.cose"), "--terminal", self.terminal, "--yes")

    def file(self, name: str) -> Path:
        """Return a new file's name."""
        self._number += 1
        return self.folder / f"{self._number}-{name}"

    def request(self, operation: str, *more: str) -> Path:
        """Have the terminal write a request down."""
        out = self.file("request")
        self._rnt("staff", "request", operation, *more, "--reason", "inspection", "--out", str(out), "--terminal", self.terminal)
        return out

    def warrant(self, request: Path, staff_id: str) -> Path:
        """Have one person sign a request."""
        out = self.file("warrant")
        signed = sign_warrant(request.read_bytes(), staff_id=staff_id, seconds=int(time.time()), signer=self.signers[staff_id])
        out.write_bytes(signed)
        return out

    def warranted(self, operation: str, *more: str, people: tuple[str, ...] = ("c-17", "s-01")) -> list[str]:
        """Return the options that name a request and the warrants of ``people`` for it."""
        request = self.request(operation, *more)
        return ["--request", str(request), *(part for i in people for part in ("--warrant", str(self.warrant(request, i))))]
