# SPDX-License-Identifier: Apache-2.0
"""Real tokens for tests: SoftHSM2, and a software TPM behind tpm2-pkcs11; each with a store, sockets and PINs of its own.

A token's module finds its store through the environment (``environment``), which every process that shall use it must have.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from tests.support.new_token import PIN
from tests.support.tpm_line import TpmLine

ROOT = Path(__file__).parents[2]
LABEL = "terminal"
SOFTHSM_MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


def tpm_module() -> Path:
    """Return Debian's module, whose folder is named after the machine."""
    return next(Path("/usr/lib").glob("*/pkcs11/libtpm2_pkcs11.so"))


class Token(Protocol):
    """A token and how to pull it out."""

    name: str
    home: Path
    module: Path
    environment: dict[str, str]

    def uri(self, name: str, *, query: str = "", path: str = "") -> str:
        """Return the URI of the key ``name``."""

    def unplug(self) -> None:
        """Take the token away."""

    def plug(self) -> None:
        """Put the same token back."""

    def close(self) -> None:
        """Take it away for good."""


class _Token:
    """What both have in common."""

    name: str
    module: Path
    environment: dict[str, str]

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="rnt-t-"))
        self.pin_file = self.home / "token.pin"
        self.set_pin(PIN.decode())

    def set_pin(self, pin: str) -> None:
        """Write what the terminal takes for the PIN."""
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{pin}\n")

    def uri(self, name: str, *, query: str = "", path: str = "") -> str:
        """Return the URI of the key ``name``."""
        query = query or f"module-path={quote(str(self.module))}&pin-source=file:{quote(str(self.pin_file))}"
        return f"pkcs11:token={LABEL};object={name}{path}?{query}"

    def new_token(self, slot: int, label: str = LABEL) -> None:
        """Initialise another token."""
        command = [sys.executable, "-m", "tests.support.new_token", str(self.module), str(slot), label]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **self.environment}, check=True, capture_output=True, timeout=60)


class SoftHsm(_Token):
    """SoftHSM2: a token is a directory."""

    name = "softhsm"
    module = SOFTHSM_MODULE

    def __init__(self) -> None:
        super().__init__()
        self.tokens = self.home / "tokens"
        self.tokens.mkdir()
        configuration = self.home / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(configuration)}
        self.new_token(0)

    def unplug(self) -> None:
        """Move the directory away."""
        self.tokens.rename(self.home / "away")
        self.tokens.mkdir()

    def plug(self) -> None:
        """Move it back."""
        self.tokens.rmdir()
        (self.home / "away").rename(self.tokens)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.home, ignore_errors=True)


class SoftTpm(_Token):
    """swtpm behind a line of ours, and tpm2-pkcs11 with a store of its own.

    A TPM that loses power while a key with a password was in use counts that as a failed try (part 1 §19.8.6). A new swtpm locks at
    the third; this one has the limit that TPMs are sold with.
    """

    name = "tpm"

    def __init__(self) -> None:
        super().__init__()
        self.module = tpm_module()
        for folder in ("store", "state"):
            (self.home / folder).mkdir()
        self.environment = {
            "TPM2_PKCS11_TCTI": f"swtpm:path={self.home}/tpm",
            "TPM2_PKCS11_STORE": str(self.home / "store"),
            "TSS2_LOG": "all+NONE",
        }
        self.plug()
        try:
            self.line.limit(tries=32, recovery_s=600)
            self.new_token(0)
        except BaseException:
            self.close()
            raise

    def plug(self) -> None:
        """Start the TPM: its state is that of the last time. It ends when our connection does, whatever becomes of us."""
        server, control = self.home / "swtpm", self.home / "tpm.ctrl"
        for leftover in (server, control, self.home / "tpm"):
            leftover.unlink(missing_ok=True)
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.home}/state", "--server", f"type=unixio,path={server}"]
        command += ["--ctrl", f"type=unixio,path={control}", "--flags", "not-need-init,startup-clear", "--terminate"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.line = TpmLine(self.home / "tpm", self._connected(server))

    def _connected(self, server: Path) -> socket.socket:
        """Return a connection to the TPM as soon as it listens."""
        end = time.monotonic() + 20
        while True:
            channel = socket.socket(socket.AF_UNIX)
            try:
                channel.connect(str(server))
            except OSError:
                channel.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.002)
            else:
                return channel

    def unplug(self) -> None:
        """Kill the TPM: whoever waits for an answer gets none."""
        self.process.kill()
        self.process.wait()
        self.line.close()

    def close(self) -> None:
        """End the TPM and remove everything."""
        self.unplug()
        shutil.rmtree(self.home, ignore_errors=True)


TOKENS: dict[str, type[SoftHsm | SoftTpm]] = {"softhsm": SoftHsm, "tpm": SoftTpm}
"""Every kind of token the test suite knows; a new one is a class and a row here."""
