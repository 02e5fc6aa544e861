# SPDX-License-Identifier: Apache-2.0
"""USB links and lines over pyusb and a simulated device: descriptors, packets, stalls, cables."""

import errno
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, LinkClosed
from hal.id_reader.errors import FrameError, UnknownReader
from hal.id_reader.frames import FIND
from hal.id_reader.usb_lines import UsbLine, open_usb
from hal.link.usb import UsbLink, UsbName
from simulators.id_reader.usb import VARIANTS, UsbCable
from simulators.usb.descriptors import BULK, INTERRUPT, Descriptors, Endpoint
from simulators.usb.model import UsbModel
from tests.support.usb_backend import ModelBackend

READERS = ["four", "two", "hid", "hid_control"]
ANSWER = bytes(range(1, 250)) * 6


def soon() -> Deadline:
    return Deadline.after(5)


def opened(cable: UsbCable) -> UsbLine:
    return open_usb("1-1", ModelBackend(cable.model))


def model(*ends: Endpoint, usb_class: int = 0xFF, vendor: int = 0x1234, serial: str = "") -> UsbModel:
    return UsbModel(Descriptors(vendor, 0x5678, ends, usb_class=usb_class, serial=serial), lambda _: None)


@pytest.mark.parametrize(
    ("variant", "name"), [("four", "four_pipes"), ("two", "two_pipes"), ("hid", "reports"), ("hid_control", "reports")]
)
def test_shape_is_told_by_descriptors(variant: str, name: str) -> None:
    assert opened(UsbCable(variant)).name == name


@pytest.mark.parametrize("variant", READERS)
def test_shape_does_not_depend_on_who_made_it(variant: str) -> None:
    ends = VARIANTS[variant].endpoints
    line = open_usb("1234:5678", ModelBackend(model(*ends, usb_class=VARIANTS[variant].usb_class)))
    assert line.name == opened(UsbCable(variant)).name


@pytest.mark.parametrize(
    ("ends", "usb_class"),
    [
        ((), 0xFF),
        ((Endpoint(0x81, BULK),), 0xFF),
        ((Endpoint(0x81, BULK), Endpoint(0x82, BULK), Endpoint(0x02, BULK)), 0xFF),
        ((Endpoint(0x81, BULK), Endpoint(0x85, BULK), Endpoint(0x02, BULK), Endpoint(0x05, BULK)), 0xFF),
        ((Endpoint(0x81, INTERRUPT), Endpoint(0x02, INTERRUPT)), 0xFF),
        ((Endpoint(0x81, INTERRUPT, 8),), 3),
        ((Endpoint(0x81, BULK), Endpoint(0x02, BULK)), 0x08),
        ((Endpoint(0x81, BULK), Endpoint(0x02, BULK), Endpoint(0x83, INTERRUPT)), 0x0B),
        ((Endpoint(0x81, BULK), Endpoint(0x02, BULK)), 0x0A),
    ],
)
def test_device_that_is_no_reader_is_refused_even_under_a_readers_name(ends: tuple[Endpoint, ...], usb_class: int) -> None:
    backend = ModelBackend(UsbModel(Descriptors(0x0400, 0xC35A, ends, usb_class=usb_class), lambda _: None))
    with pytest.raises(UnknownReader) as refused:
        open_usb("0400:c35a", backend)
    assert refused.value.data == {"classes": f"{usb_class:02x}"}
    assert backend.claimed == []


@pytest.mark.parametrize("variant", READERS)
def test_request_arrives_whole(variant: str) -> None:
    cable = UsbCable(variant)
    opened(cable).write(FIND.frame, soon())
    cable.hear(1)
    assert cable.request() == FIND.body


@pytest.mark.parametrize("variant", ["four", "two"])
@pytest.mark.parametrize("empty_end", [False, True])
def test_answer_in_transfers_of_every_size_is_the_same(variant: str, empty_end: bool) -> None:  # noqa: FBT001  # a table's column
    cable = UsbCable(variant)
    line = opened(cable)
    cable.empty_end = empty_end
    for cable.split in (*range(1, 65), *range(128, 1296, 64)) if empty_end else range(1, 1296):
        line.write(FIND.frame, soon())
        cable.say([ANSWER[: 7 + 1288]], None)
        assert line.read_exactly(7, soon()) + line.read_exactly(1288, soon()) == ANSWER[: 7 + 1288]
        assert line.discard() == 0


@settings(max_examples=300, deadline=None)
@given(variant=st.sampled_from(READERS), length=st.integers(8, 1400), empty_end=st.booleans(), cut=st.integers(1, 1400))
def test_answer_of_every_length_needs_no_more_than_its_own_bytes(variant: str, length: int, empty_end: bool, cut: int) -> None:  # noqa: FBT001  # drawn
    cable = UsbCable(variant)
    line = opened(cable)
    cable.empty_end = empty_end
    line.write(FIND.frame, soon())
    cable.say([ANSWER[:length]], None)
    first = min(cut, length)
    assert line.read_exactly(7, soon()) == ANSWER[:7]
    middle = max(7, first)
    assert line.read_exactly(middle - 7, soon()) + line.read_exactly(length - middle, soon()) == ANSWER[7:length]
    assert line.discard() == 0


@pytest.mark.parametrize("variant", READERS)
def test_answer_nobody_asked_for_is_counted_and_gone(variant: str) -> None:
    cable = UsbCable(variant)
    line = opened(cable)
    cable.say([ANSWER[:15], ANSWER[:11]], None)
    assert line.discard() >= 26
    assert line.discard() == 0
    assert line.quiet(Deadline.after(0.005))


@pytest.mark.parametrize("variant", READERS)
def test_silence_is_the_deadline_and_noise_is_heard(variant: str) -> None:
    cable = UsbCable(variant)
    line = opened(cable)
    with pytest.raises(DeadlinePassed):
        line.read_exactly(7, Deadline.after(0.01))
    assert line.quiet(Deadline.after(0.005))
    cable.say([ANSWER[:20]], None)
    assert not line.quiet(soon())


def test_read_at_its_deadline_keeps_what_came() -> None:
    cable = UsbCable("two")
    line = opened(cable)
    cable.say([b"abc"], None)
    with pytest.raises(DeadlinePassed):
        line.read_exactly(4, Deadline.after(0.01))
    cable.say([b"d"], None)
    assert line.read_exactly(4, soon()) == b"abcd"


@pytest.mark.parametrize("variant", READERS)
def test_halted_pipe_is_a_lost_transfer_and_works_again(variant: str) -> None:
    cable = UsbCable(variant)
    line = opened(cable)
    cable.stall()
    with pytest.raises(FrameError) as lost:
        line.read_exactly(7, soon())
    assert lost.value.data == {"reason": "transfer", "errno": errno.EPIPE}
    cable.say([ANSWER[:15]], None)
    assert line.read_exactly(15, soon()) == ANSWER[:15]


def test_device_that_sends_more_than_was_asked_for_is_a_lost_transfer() -> None:
    cable = UsbCable("two")
    cable.model._packet[0x81] = 512  # its packets are larger than its descriptor says
    line = opened(cable)
    cable.say([ANSWER[:500]], None)
    with pytest.raises(FrameError) as lost:
        line.read_exactly(7, soon())
    assert lost.value.data["errno"] == errno.EOVERFLOW


@pytest.mark.parametrize("variant", READERS)
def test_cable_pulled_is_link_closed_in_every_call(variant: str) -> None:
    cable = UsbCable(variant)
    line = opened(cable)
    puller = threading.Timer(0.02, cable.unplug)
    puller.start()
    with pytest.raises(LinkClosed):
        line.read_exactly(7, soon())
    puller.join()
    for call in (line.discard, lambda: line.quiet(soon()), lambda: line.write(FIND.frame, soon())):
        with pytest.raises(LinkClosed):
            call()
    line.close()
    line.close()
    with pytest.raises(LinkClosed):
        line.discard()


def test_reader_that_never_stops_talking_is_given_up() -> None:
    cable = UsbCable("two")
    line = opened(cable)
    cable.say([b"x" * 60] * 2000, None)
    with pytest.raises(FrameError) as babble:
        line.discard()
    assert babble.value.data["reason"] == "babble"


def test_waiting_is_counted() -> None:
    line = opened(UsbCable("four"))
    line.reset_waited()
    assert line.quiet(Deadline.after(0.01))
    assert line.waited_us >= 10_000


# ---- which device


@pytest.mark.parametrize(
    ("name", "serials", "place"),
    [("1234:5678", ["A"], 1), ("1234:5678:B", ["A", "B"], 2), ("1-2", ["A", "B"], 2), ("1234:5678:b", ["B", "b"], 2)],
)
def test_device_is_the_one_named(name: str, serials: list[str], place: int) -> None:
    ends = (Endpoint(0x81, BULK), Endpoint(0x02, BULK))
    link = UsbLink(UsbName.parse(name), ModelBackend(*(model(*ends, serial=serial) for serial in serials)))
    assert link._device.port_numbers == (place,)


@pytest.mark.parametrize(
    ("name", "number"), [("1234:5678", errno.E2BIG), ("1234:5679", errno.ENODEV), ("1234:5678:C", errno.ENODEV), ("2-1", errno.ENODEV)]
)
def test_device_that_is_not_there_or_not_the_only_one_is_link_closed(name: str, number: int) -> None:
    ends = (Endpoint(0x81, BULK), Endpoint(0x02, BULK))
    with pytest.raises(LinkClosed) as closed:
        open_usb(name, ModelBackend(model(*ends, serial="A"), model(*ends, serial="B")))
    assert closed.value.data == {"errno": number}


@pytest.mark.parametrize(
    "name",
    ["", "0400", "0400:c35", "0400:c35a:", "0x400:c35a", "1-", "1-0", "1-1.", "0-1", "/dev/ttyS0", "1-1.1.1.1.1.1.1.1", "0400:c35a:a b"],
)
def test_name_that_is_none_is_a_callers_mistake(name: str) -> None:
    with pytest.raises(ValueError, match="is named like"):
        UsbName.parse(name)


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=20) | st.from_regex(r"[0-9a-f:.-]{0,16}", fullmatch=True))
def test_name_any_text_is_a_name_or_a_mistake(text: str) -> None:
    try:
        name = UsbName.parse(text)
    except ValueError:
        return
    assert (name.vendor is None) != (name.bus is None)


def test_hid_interface_is_taken_from_the_kernel_and_no_other() -> None:
    hid = ModelBackend(UsbCable("hid").model)
    hid.kernel = {0}
    line = open_usb("1-1", hid)
    assert line.name == "reports"
    assert (hid.kernel, hid.claimed) == (set(), [0])
    bridge = ModelBackend(UsbCable("two").model)
    bridge.kernel = {0}
    with pytest.raises(LinkClosed) as closed:
        open_usb("1-1", bridge)
    assert closed.value.data == {"errno": errno.EBUSY}


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(
    ends=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF)), max_size=9),
    usb_class=st.integers(0, 255),
    name=st.sampled_from(["0400:c35a", "1-1"]),
)
def test_descriptors_of_any_device_only_the_declared_errors(ends: list[tuple[int, int, int]], usb_class: int, name: str) -> None:
    described = tuple(SimpleNamespace(address=a, kind=k, packet=p) for a, k, p in ends)
    device: Any = UsbModel(Descriptors(0x0400, 0xC35A, (), usb_class=usb_class), lambda _: None)
    device.descriptors = SimpleNamespace(
        device=Descriptors(0x0400, 0xC35A, ()).device,
        configuration=_configuration(len(ends), usb_class),
        endpoints=described,
        string=lambda _: None,
    )
    try:
        line = open_usb(name, ModelBackend(device))
    except UnknownReader:
        return
    with pytest.raises((DeadlinePassed, FrameError, LinkClosed)):
        line.read_exactly(7, Deadline.after(0.0001))


def _configuration(ends: int, usb_class: int) -> bytes:
    return bytes([9, 2, 18, 0, 1, 1, 0, 0xC0, 50, 9, 4, 0, 0, ends, usb_class, 0, 0, 0])
