# SPDX-License-Identifier: Apache-2.0
"""The shipped driver and the board's udev rules under a real kernel: USB core, host controller, usbhid, ftdi_sio, a tty that moves."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.guest.machine import NOBODY, ROOT, Guest, GuestWorker
from tests.support.guest.reader import INTERFACE, NAME, GuestReader
from tests.support.reader_bench import SAM_ID, TRANSPORTS, Refused, assert_is, present

pytestmark = pytest.mark.slow
MOST_OF_A_CARD = 640
"""Bytes of the 1,295 of a card: whole packets, so that the transfer goes on waiting for more."""
ENODEV, ENOENT, EACCES, EBUSY = 19, 2, 13, 16


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    """One machine for all; without QEMU or a kernel the tests fail, and say what is missing."""
    machine = Guest()
    yield machine
    machine.close()


@pytest.fixture
def plugged(guest: Guest) -> Iterator[Callable[[str], GuestReader]]:
    readers: list[GuestReader] = []

    def plug(transport: str) -> GuestReader:
        readers.append(GuestReader(guest, transport))
        return readers[-1]

    yield plug
    for reader in readers:
        reader.close()


Plugged = Callable[[str], GuestReader]
every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


def refused(worker: GuestWorker, name: str) -> tuple[str, Any]:
    """Return the kind of the error and the system's number."""
    with pytest.raises(Refused) as error:
        worker.op(name)
    return error.value.kind, error.value.data.get("errno")


def assert_usable(reader: GuestReader, worker: GuestWorker, persona: str) -> None:
    reader.insert(persona)
    assert_is(present(worker), persona)


def driver_of(guest: Guest) -> str:
    """Return the name of the kernel driver that has the reader's interface."""
    return guest.run("sh", "-c", f"readlink {INTERFACE}/driver || true").rpartition("/")[2]


@every_transport
def test_terminal_user_reads_a_card_at_the_board_s_place(plugged: Plugged, transport: str) -> None:
    reader = plugged(transport)
    worker = reader.worker()
    assert worker.op("open") == {"sam_id": SAM_ID, "status": "ok", "baud": None if reader.usb else 115200}
    reader.insert("moved_often")
    reading = present(worker)
    assert_is(reading, "moved_often")
    assert reading["frames"] == 8


@every_transport
def test_cable_pulled_in_the_middle_of_an_answer_is_link_closed_and_back_in_it_reads(plugged: Plugged, transport: str) -> None:
    reader = plugged(transport)
    worker = reader.worker()
    reader.insert("zhang")
    worker.op("await_card")
    reader.fault("read", "short", bytes=MOST_OF_A_CARD)
    for event in ("samid", "reset", "status"):
        reader.fault(event, "drop", times=0)  # nothing but the cable ends this reading, however late it is pulled
    worker.begin("read", 100)
    reader.wait_for_count("read")
    reader.pull()
    reader.simulator.control("clear_faults")
    with pytest.raises(Refused) as error:
        worker.end()
    assert error.value.kind == "link_closed"
    assert refused(worker, "open") == ("link_closed", ENODEV if reader.usb else ENOENT)
    reader.plug()
    assert_usable(reader, worker, "li")


def test_reader_that_leaves_the_bus_by_itself_is_link_closed_and_usable_when_it_returns(plugged: Plugged) -> None:
    reader = plugged("four_pipes")
    worker = reader.worker()
    reader.insert("zhang")
    worker.op("await_card")
    reader.fault("read", "hangup")
    assert refused(worker, "read")[0] == "link_closed"
    reader.wait_gone()
    reader.simulator.control("plug")
    reader.wait_there()
    assert_usable(reader, worker, "li")


def test_tty_that_comes_back_under_another_number_is_found_by_its_names(guest: Guest, plugged: Plugged) -> None:
    reader = plugged("serial")
    worker = reader.worker()
    worker.op("open")
    before = guest.run("readlink", "-f", NAME)
    named = {kind: guest.run("find", f"/dev/serial/by-{kind}", "-type", "l") for kind in ("id", "path")}
    reader.pull()  # the idle driver keeps the dead tty open, and with it its number
    reader.plug()
    assert guest.run("readlink", "-f", NAME) != before
    assert refused(worker, "open")[0] == "link_closed"  # the old tty; then
    assert_usable(reader, worker, "li")
    worker.stop()
    for name in named.values():
        other = reader.worker(port=name)
        assert other.op("open")["sam_id"] == SAM_ID
        other.stop()
    assert refused(reader.worker(port=before), "open") == ("link_closed", ENOENT)


def test_usb_reader_in_another_socket_is_found_by_what_it_is_but_has_no_rights_there(plugged: Plugged) -> None:
    reader = plugged("four_pipes")
    reader.worker().op("open")
    by_what = reader.worker(ROOT, usb="0400:c35a")
    reader.pull()
    reader.plug("1.2")
    assert refused(reader.worker(), "open") == ("link_closed", ENODEV)
    for name in ("0400:c35a", "0400:c35a:RNT0001"):
        assert refused(reader.worker(usb=name), "open") == ("link_closed", EACCES)
    assert_usable(reader, by_what, "li")
    by_what.stop()
    assert reader.worker(ROOT, usb="0400:c35a:RNT0001").op("open")["sam_id"] == SAM_ID


@pytest.mark.parametrize("transport", ["four_pipes", "serial"])
def test_reader_is_for_the_terminal_s_user_and_for_one_at_a_time(plugged: Plugged, transport: str) -> None:
    reader = plugged(transport)
    worker = reader.worker()
    worker.op("open")
    assert refused(reader.worker(), "open") == ("link_closed", EBUSY)
    assert refused(reader.worker(NOBODY), "open") == ("link_closed", EACCES)
    assert_usable(reader, worker, "li")


def test_hid_reader_is_taken_from_usbhid_which_has_it_again_at_the_next_plug(guest: Guest, plugged: Plugged) -> None:
    reader = plugged("reports")
    for persona in ("zhang", "li"):
        assert driver_of(guest) == "usbhid"
        worker = reader.worker()
        worker.op("open")
        assert driver_of(guest) == "usbfs"
        assert_usable(reader, worker, persona)
        worker.stop()
        assert driver_of(guest) == ""
        assert_usable(reader, reader.worker(), "moved")  # and nobody needs it there
        reader.pull()
        reader.plug()


def test_adapter_named_as_a_usb_reader_stays_with_its_kernel_driver(guest: Guest, plugged: Plugged) -> None:
    reader = plugged("serial")
    assert refused(reader.worker(usb="0403:6001"), "open") == ("link_closed", EBUSY)
    assert driver_of(guest) == "ftdi_sio"
    assert_usable(reader, reader.worker(), "zhang")


def test_rate_the_driver_sets_reaches_the_line(plugged: Plugged) -> None:
    reader = plugged("serial")
    worker = reader.worker()
    worker.op("open")
    worker.op("set_baud", baud=9600)
    assert reader.simulator.control("baud")["baud"] == 9600
    worker.stop()
    assert reader.worker().op("open")["baud"] == 115200  # found at the other rate, and moved back
