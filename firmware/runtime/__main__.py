# SPDX-License-Identifier: Apache-2.0
"""Run the terminal: ``python -m firmware.runtime --config /etc/rnt/terminal.toml``; see :mod:`firmware.runtime.main`."""

import sys

from firmware.runtime import memory

if __name__ == "__main__":
    memory.start_over_wiping()
    from firmware.runtime.main import main  # everything heavy is loaded once, by the process that stays

    sys.exit(main())
