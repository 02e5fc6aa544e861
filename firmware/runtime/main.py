# SPDX-License-Identifier: Apache-2.0
"""The terminal's main function: from the command line to an exit code.

Exit codes: 0 stopped, 1 storage or software fault (start again: the journal is verified then), 2 configuration, 6 not provisioned, or
keys, certificates or trust are unusable.
Standard error carries one JSON line at the end of a failed run, and one when the controller keeps the keys shut; never personal data.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import ssl
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.core.errors import CoreError
from firmware.core.outcomes import OUTCOMES
from firmware.journal import JournalError
from firmware.keystore import KeystoreError, SealedElsewhere
from firmware.runtime import closed, memory, wiring
from firmware.runtime import config as configuration
from firmware.runtime.signals import one_waits
from firmware.runtime.terminal import Terminal

if TYPE_CHECKING:
    from firmware.runtime.unit import Unit

SEALED_ELSEWHERE: Final = (
    "the keys were sealed by another controller than the connected one; connect that one, or give up what it sealed: "
    "rnt provision --renew --serial {serial} (rnt provision --help)"
)


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m firmware.runtime", description="Run the activation terminal.")
    parser.add_argument("--config", type=Path, required=True, help="the terminal's TOML configuration")
    options = parser.parse_args(arguments)
    memory.dump_nothing()
    try:
        config = configuration.load(options.config)
    except configuration.ConfigError as error:
        return _fail(2, "config", f"{error}; board/terminal.toml shows every key; then run: rnt doctor --config {options.config}")
    return 0 if _kept_shut(config) else _start(config)


def _kept_shut(config: configuration.Config) -> bool:
    """Wait for a controller that keeps the keys shut; returns whether the terminal was told to end meanwhile."""
    if not (code := closed.code_of(lambda: wiring.open_keys(config))):
        return False
    _say({"level": "error", "code": code, "text": OUTCOMES[code].en})
    return asyncio.run(closed.wait(config.terminal.run_dir, code, lambda: wiring.open_keys(config)))


def _start(config: configuration.Config) -> int:
    """Build the terminal and run it to its end; returns the exit code."""
    try:
        unit = wiring.build(config)
    except wiring.NotProvisioned as error:
        return _fail(6, "not_provisioned", str(error))
    except JournalError as error:
        return _fail(1, type(error).__name__, "the journal did not open; run: rnt doctor")
    except SealedElsewhere:
        return _fail(6, SealedElsewhere.__name__, SEALED_ELSEWHERE.format(serial=config.terminal.serial))
    except (KeystoreError, CoreError, ssl.SSLError, ValueError) as error:
        return _fail(6, type(error).__name__, "keys, certificates or trust cannot be used; run: rnt doctor")
    except OSError as error:
        return _fail(1, type(error).__name__, "a file of the terminal cannot be used; run: rnt doctor")
    return _run(unit)


def _run(unit: Unit) -> int:
    """Run the terminal to its end; returns the exit code."""
    gc.freeze()  # modules and wiring live as long as the process: no collection in a session needs to walk them again
    code, terminal = 0, Terminal(unit)
    try:
        try:
            asyncio.run(terminal.run())
        finally:
            unit.backend.close()
            unit.journal.close()
    except* JournalError:
        code = _fail(1, "journal", "storage failed: the terminal stops so that the next start verifies the journal")
    except* Exception as fault:  # noqa: BLE001  # not silent: the process ends; a traceback would print texts that nobody has read for data
        code = _fail(1, *_described(fault))
    if terminal.bereft and not code and not one_waits():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves, with a memory that never held the keys
    return code


def _described(fault: BaseException) -> tuple[str, str]:
    """Return the kind of a software fault and where it was raised, without the error's own text."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    frames = traceback.extract_tb(fault.__traceback__)
    return type(fault).__name__, " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-6:]))


def _fail(code: int, error: str, text: str) -> int:
    _say({"level": "fatal", "error": error, "text": text})
    return code


def _say(line: dict[str, str]) -> None:
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()
