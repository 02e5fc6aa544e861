# SPDX-License-Identifier: Apache-2.0
"""A verifier's process: questions of :mod:`simulators.backend.verification` in, answers out, in order, until the gateway is gone."""

from __future__ import annotations

import pickle
import socket
import sys

from simulators.backend.errors import ApiError
from simulators.backend.verification import LENGTH, Task, Verification, framed


def main(descriptor: int) -> None:
    """Serve the socket pair's end at ``descriptor``; the first message is the keys."""
    line = socket.socket(fileno=descriptor)
    stream = line.makefile("rb")
    verification: Verification | None = None
    while head := stream.read(LENGTH.size):
        content = pickle.loads(stream.read(LENGTH.unpack(head)[0]))  # noqa: S301  # from our own parent
        if verification is None:
            verification = Verification(*content)
        else:
            try:
                answer: object = verification.prepare(Task(*content))
            except ApiError as error:
                answer = error
            line.sendall(framed(pickle.dumps(answer)))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (ConnectionError, EOFError, KeyboardInterrupt):
        sys.exit(0)
