# SPDX-License-Identifier: Apache-2.0
"""The terminal without its keys: the screen says why it is out of service, until there are keys again or it is told to end.

A controller that was tampered with has destroyed what sealed them (R506); one that does not answer keeps them shut (R515). Nothing is
served: no journal is open, no device is touched, and the controller is only asked now and then whether that has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from firmware.keystore import KeyUnavailable, SealBroken
from firmware.kiosk.server import Kiosk
from firmware.runtime import texts
from firmware.runtime.signals import STOPPING, take_signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAMPER: Final = "R506"
KEY: Final = "R515"
ASK_AGAIN_S: Final = 2.0
"""How long the terminal waits before it asks the controller again, in seconds."""


def code_of(open_keys: Callable[[], None]) -> str:
    """Return the code that keeps a terminal closed whose keys ``open_keys`` opens; empty when they open, or fail for another reason."""
    try:
        open_keys()
    except SealBroken:
        return TAMPER
    except KeyUnavailable as error:
        return KEY if error.why == "controller" else ""
    except Exception:  # noqa: BLE001  # what else is wrong is told by the start that follows
        return ""
    return ""


async def wait(run_dir: Path, code: str, open_keys: Callable[[], None]) -> bool:
    """Show ``code`` until :func:`code_of` finds none; returns whether the terminal was told to end meanwhile."""
    stop = asyncio.Event()
    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    take_signals()
    kiosk = Kiosk(run_dir / "kiosk.sock")
    await kiosk.open()
    try:
        while code and not stop.is_set():
            kiosk.show(session=None, state="out_of_service", step=None, prompt=None, sentence=texts.outcome(code), code=code, last=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    await stop.wait()
            code = await asyncio.to_thread(code_of, open_keys)
    finally:
        await kiosk.close()
    return stop.is_set()
