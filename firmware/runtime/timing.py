# SPDX-License-Identifier: Apache-2.0
"""How long the terminal waits for devices and the operator, in seconds. For people it is configuration; terms of the law are policy."""

from typing import Final

READ_S: Final = 10.0
"""The reader to read one card, from found to photo; the driver's whole ladder for one that falls silent over it fits in."""
READER_OFF_MS: Final = 500
"""How long a hung ID reader is without power, in milliseconds: longer than its capacitors hold."""
READER_BACK_S: Final = 5.0
"""An ID reader whose power came back to be on the bus and to answer: 2 s are its SAM's."""
POWER_POLL_S: Final = 0.05
"""How often the controller is asked whether the reader's power is back, in seconds: it speaks only when spoken to."""
DEVICE_S: Final = 5.0
"""Any other single device operation."""
DECODE_S: Final = 2.0
"""A photo decoder to make a picture of the chip's photograph."""
WRITE_S: Final = 20.0
"""The whole write, and the whole read-back, of one card."""
RELAY_S: Final = 120.0
"""A whole relay, from the operator's first command to its last."""
SUBMIT_TRIES: Final = 3
"""Tries to reach the operator for an approval before R801."""
REPORT_TRIES: Final = 6
"""Tries to report a written card while the subscriber waits before R710; the report goes on in the background."""
RETRY_S: Final = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 15.0, 60.0)
"""Pause before the next try; the last one repeats."""
HEARTBEAT_S: Final = 1.0
"""Between two looks at the controller."""
HOLD_S: Final = 15.0
"""Longest pause before the operator is asked again about what it has not decided."""
LOG_S: Final = 900.0
"""Between two showings of the audit log to the operator when no session gives cause; a failed one is repeated before the next record."""


def pause_after(attempt: int, *, most: float = RETRY_S[-1]) -> float:
    """Return the pause after failed try number ``attempt``, counted from 1; never above ``most`` seconds."""
    return min(most, RETRY_S[min(attempt, len(RETRY_S)) - 1])
