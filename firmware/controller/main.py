# SPDX-License-Identifier: Apache-2.0
"""The main loop: tamper and button, then the link, then the watchdog, for ever.

Decides nothing but the order. The watchdog is fed at this one place, after the tamper line was looked at and the link was served, so
that a part which hangs cannot be hidden by another which still runs.
"""

import gc

import core
import hal
import link


def run() -> None:
    """Serve until the watchdog or the power ends it."""
    board = hal.Board()
    controller = core.Core(board)
    port = link.Link(board.uart)
    gc.collect()
    while True:
        controller.tick()
        port.poll(controller.answer)
        hal.feed_watchdog()
        hal.wait()


run()
