# SPDX-License-Identifier: Apache-2.0
"""Send one request to a control socket by hand: ``python -m simulators.rig.ask SOCKET '{"cmd": "start"}'``. Prints the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from simulators.kit.launch import control_request


def main() -> None:
    """Ask and print; exit 1 when the simulator refuses or is not there, 2 for a wrong command line."""
    try:
        path, request = Path(sys.argv[1]), dict(json.loads(sys.argv[2]))
    except (IndexError, ValueError, TypeError):
        sys.stderr.write("usage: python -m simulators.rig.ask SOCKET '{\"cmd\": NAME, …}'\n")
        sys.exit(2)
    try:
        answer = control_request(path, request)
    except OSError as error:
        sys.exit(f"simulators.rig.ask: nobody answers at {path} ({error.strerror}); ./run rig says where its control sockets are")
    except (RuntimeError, ValueError, KeyError) as error:
        sys.exit(f"simulators.rig.ask: {error}")
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
