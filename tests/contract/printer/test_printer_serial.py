# SPDX-License-Identifier: Apache-2.0
"""The printer driver against the printer simulator, at the wire."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, DeviceError, HalError, LinkClosed, ProtocolError
from hal.printer import escpos
from hal.printer.errors import NoPaper
from hal.printer.service import PrinterService
from simulators.kit.launch import RunningSimulator

LINES = ["实名登记回执", "机主 李*", "", "IMSI 460001234567890"]


@pytest.fixture
def printer() -> Iterator[RunningSimulator]:
    path = Path(tempfile.mkdtemp(prefix="rnt-"))
    with RunningSimulator("simulators.printer", control=path / "control") as running:
        yield running
    shutil.rmtree(path)


@pytest.fixture
def service(printer: RunningSimulator) -> Iterator[PrinterService]:
    service = PrinterService({"port": printer.endpoints["port"]})
    yield service
    service.close()


def print_lines(service: PrinterService, seconds: float = 5.0, lines: list[str] = LINES) -> int:
    answer = service.operations["print"]({"papers": [lines], "cut": True}, Deadline.after(seconds))
    return int(answer["bytes"])


def test_print_receipt_lines_are_on_paper_when_it_returns(printer: RunningSimulator, service: PrinterService) -> None:
    assert print_lines(service) == len(escpos.job(LINES, cut=True))
    assert printer.control("receipts")["receipts"] == [LINES]
    assert printer.control("unknown")["unknown"] == []
    assert service.link_us > 0


def test_print_two_receipts_are_cut_apart(printer: RunningSimulator, service: PrinterService) -> None:
    print_lines(service, lines=["one"])
    print_lines(service, lines=["two"])
    assert printer.control("receipts")["receipts"] == [["one"], ["two"]]


def test_print_two_papers_in_one_job_are_cut_apart_and_asked_about_once(printer: RunningSimulator, service: PrinterService) -> None:
    papers = [["one", "甲"], ["two"]]
    answer = service.operations["print"]({"papers": papers, "cut": True}, Deadline.after(5.0))
    assert answer["bytes"] == len(escpos.job(*papers, cut=True))
    assert printer.control("receipts")["receipts"] == papers


def test_print_a_long_receipt_arrives_whole(printer: RunningSimulator, service: PrinterService) -> None:
    lines = ["实" * 96] * 200
    assert print_lines(service, lines=lines) > 38_000
    assert printer.control("receipts")["receipts"] == [lines]


def test_print_without_paper_is_no_paper_and_prints_nothing(printer: RunningSimulator, service: PrinterService) -> None:
    printer.control("paper", present=False)
    with pytest.raises(NoPaper) as raised:
        print_lines(service)
    assert raised.value.data == {"begun": False}
    printer.control("paper", present=True)
    print_lines(service)
    assert printer.control("receipts")["receipts"] == [LINES]


def test_print_paper_ends_in_the_middle_is_no_paper_begun(printer: RunningSimulator, service: PrinterService) -> None:
    printer.control("fault", fault={"at": "line#2", "do": "no_paper"})
    with pytest.raises(NoPaper) as raised:
        print_lines(service)
    assert raised.value.data == {"begun": True}
    assert printer.control("lines")["lines"] == LINES[:1]


def test_print_offline_printer_is_a_device_error(printer: RunningSimulator, service: PrinterService) -> None:
    printer.control("offline", offline=True)
    with pytest.raises(DeviceError) as raised:
        print_lines(service)
    assert raised.value.data == {"code": "offline"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"at": "status", "do": "silence"}, DeadlinePassed),
        ({"at": "status#2", "do": "silence"}, DeadlinePassed),
        ({"at": "report", "do": "silence"}, DeadlinePassed),
        ({"at": "status", "do": "garbage"}, ProtocolError),
        ({"at": "report", "do": "garbage"}, ProtocolError),
        ({"at": "line", "do": "offline"}, DeadlinePassed),
    ],
    ids=str,
)
def test_print_with_a_fault_is_the_declared_error(
    printer: RunningSimulator, service: PrinterService, fault: dict[str, str], error: type[HalError]
) -> None:
    printer.control("fault", fault=fault)
    with pytest.raises(error):
        print_lines(service, seconds=1.2 if error is DeadlinePassed else 5)


def test_print_held_at_a_line_returns_only_after_it_is_out(printer: RunningSimulator, service: PrinterService) -> None:
    printer.control("fault", fault={"at": "line#3", "do": "hold"})
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(print_lines(service)))
    thread.start()
    assert printer.control("wait_held")["held"] == "line"
    assert printer.control("lines")["lines"] == LINES[:2]
    assert not done
    printer.control("release")
    thread.join()
    assert done
    assert printer.control("receipts")["receipts"] == [LINES]


def test_print_after_the_printer_died_is_link_closed(printer: RunningSimulator, service: PrinterService) -> None:
    print_lines(service)
    printer.kill()
    with pytest.raises(LinkClosed):
        print_lines(service)
    with pytest.raises(LinkClosed):
        print_lines(service)


def test_service_without_a_port_is_link_closed_at_the_first_print() -> None:
    service = PrinterService({"port": "/dev/rnt/none"})
    with pytest.raises(LinkClosed):
        print_lines(service)
