# SPDX-License-Identifier: Apache-2.0
"""Run the terminal: ``python -m firmware.runtime --config /etc/rnt/terminal.toml``.

Exit codes: 0 stopped, 1 storage or software fault (start again: the journal is verified then), 2 configuration, 6 not provisioned.
Standard error carries one JSON line at the end of a failed run; it never carries personal data.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from firmware.journal import JournalError
from firmware.runtime import config as configuration
from firmware.runtime import wiring
from firmware.runtime.terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m firmware.runtime", description="Run the activation terminal.")
    parser.add_argument("--config", type=Path, required=True, help="the terminal's TOML configuration")
    options = parser.parse_args(arguments)
    try:
        unit = wiring.build(configuration.load(options.config))
    except configuration.ConfigError as error:
        return _fail(2, "config", str(error))
    except wiring.NotProvisioned as error:
        return _fail(6, "not_provisioned", str(error))
    except JournalError as error:
        return _fail(1, type(error).__name__, "the journal did not open; run: rnt doctor")
    failed = False
    try:
        asyncio.run(Terminal(unit).run())
    except* JournalError:
        failed = True
    finally:
        unit.backend.close()
        unit.journal.close()
    if failed:
        return _fail(1, "journal", "storage failed: the terminal stops so that the next start verifies the journal")
    return 0


def _fail(code: int, error: str, text: str) -> int:
    sys.stderr.write(json.dumps({"level": "fatal", "error": error, "text": text}, ensure_ascii=False) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
