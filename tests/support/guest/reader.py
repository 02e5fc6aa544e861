# SPDX-License-Identifier: Apache-2.0
"""One simulated ID reader on the guest's bus, over any transport: the cable, the card, and workers on it."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.kit.launch import RunningSimulator
from tests.support.guest.machine import ANSWER_S, RNT, Guest, GuestWorker
from tests.support.reader_bench import TRANSPORTS, ReaderControl

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = "1.1"
"""The board's port of the ID reader: hub port 1 of the hub at port 1."""
INTERFACE = f"/sys/bus/usb/devices/1-{PORT}:1.0"
NAME = "/dev/rnt/id-reader"


class GuestReader(ReaderControl):
    """A reader that was plugged in at :data:`PORT` and that udev has dealt with."""

    def __init__(self, guest: Guest, transport: str) -> None:
        self.guest = guest
        self.usb = TRANSPORTS[transport]
        self._directory = Path(tempfile.mkdtemp(prefix="rnt-"))
        self._place = self._directory / ("usb" if self.usb else "tty")
        where = ["--usb", self.usb, "--socket"] if self.usb else ["--link"]
        self.simulator = RunningSimulator("simulators.id_reader", *where, str(self._place), control=self._directory / "control")
        self.config: Mapping[str, Any] = {"usb": f"1-{PORT}"} if self.usb else {"port": NAME}
        self._workers: list[GuestWorker] = []
        self._plugged = self._port = ""
        try:
            self.plug()
        except BaseException:
            self.close()
            raise

    def plug(self, port: str = PORT) -> None:
        """Put the cable in; anywhere else than at :data:`PORT` the reader has neither the board's name nor its rights."""
        self._plugged = (self.guest.plug_usb if self.usb else self.guest.plug_serial)(self._place, port)
        self._port = port
        self.wait_there()

    def pull(self) -> None:
        """Pull the cable, which takes the reader's power away, and wait until the guest has noticed."""
        self.guest.unplug(self._plugged)
        self.wait_gone()
        self._plugged = ""
        self.simulator.control("hangup")
        self.simulator.control("plug")

    def wait_there(self) -> None:
        """Wait until the last node has come that udev makes of the reader."""
        last = "/dev/hidraw0" if self.usb.startswith("hid") else f"/sys/bus/usb/devices/1-{self._port}:1.0"
        self.guest.wait_for(last if self.usb or self._port != PORT else NAME)

    def wait_gone(self) -> None:
        """Wait until the kernel has noticed that the reader is not there."""
        self.guest.wait_for(f"/sys/bus/usb/devices/1-{self._port}", gone=True)

    def wait_for_count(self, event: str) -> None:
        """Wait until the reader has been asked for ``event``."""
        end = time.monotonic() + ANSWER_S
        while not self.counts().get(event):
            if time.monotonic() > end:
                raise TimeoutError(event)
            time.sleep(0.01)  # the simulator tells nobody what it heard

    def worker(self, uid: int = RNT, **config: Any) -> GuestWorker:
        """Start a worker on this reader; ``config`` stands in for the configuration that names it by its place."""
        self._workers.append(self.guest.start(config or dict(self.config), uid))
        return self._workers[-1]

    def close(self) -> None:
        """End the workers, take the reader away."""
        try:
            ended = [worker.stop() for worker in self._workers]
            if self._plugged:
                self.pull()
        finally:
            self.simulator.stop()
            shutil.rmtree(self._directory)
        if any(ended):
            raise RuntimeError(f"workers ended with {ended}: {self.guest.console.read_text(errors='replace')[-2000:]}")
