# SPDX-License-Identifier: Apache-2.0
"""The controller's secret: made once, by the controller itself; given out in shares only; gone for ever with the first tamper event."""

import hashlib
import hmac
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hal.controller.errors import Refused, Tampered
from hal.deadline import Deadline
from hal.link.serial import SerialLink
from simulators.controller import codec
from tests.contract.controller.controller_bench import Bench

CONTEXT = bytes(range(32)).hex()
OTHER_CONTEXT = bytes(range(1, 33)).hex()
BLANK = "ff" * 256
HEARTBEAT = 0x07


def secret_of(bench: Bench) -> bytes:
    """Return the secret as it lies in the simulated flash; no command of the controller tells it."""
    return bytes.fromhex(bench.control("secret")["page"])[4:36]


def share(bench: Bench, context: str = CONTEXT) -> str:
    told: str = bench.op("share", context=context)["share"]
    return told


def test_make_secret_on_a_blank_page_every_controller_makes_its_own(start: Callable[..., Bench]) -> None:
    first, second = (start("--state", "unprovisioned") for _ in range(2))
    for bench in (first, second):
        bench.op("make_secret")
        assert bench.op("state")["state"] == "ready"
        assert bench.control("secret")["page"][:8] == b"RNTS".hex()
    assert secret_of(first) != secret_of(second)
    assert share(first) != share(second)


def test_share_is_hmac_of_the_context_and_survives_a_power_cut(bench: Bench) -> None:
    wanted = hmac.new(secret_of(bench), b"rnt/share/1" + bytes.fromhex(CONTEXT), hashlib.sha256).hexdigest()
    assert share(bench) == wanted
    assert share(bench, OTHER_CONTEXT) != wanted
    bench.control("power_cut")
    assert share(bench) == wanted


def test_make_secret_when_there_is_one_refused_and_kept(bench: Bench) -> None:
    before = secret_of(bench)
    with pytest.raises(Refused):
        bench.op("make_secret")
    assert secret_of(bench) == before


def test_make_secret_while_the_case_is_open_refused(start: Callable[..., Bench]) -> None:
    bench = start("--state", "unprovisioned", "--tamper-open")
    with pytest.raises(Refused):
        bench.op("make_secret")
    assert bench.control("secret")["page"] == BLANK
    bench.control("tamper", open=False)
    bench.op("make_secret")
    assert bench.op("state")["state"] == "ready"


def test_share_after_tamper_refused_for_ever_and_no_secret_is_made_again(bench: Bench) -> None:
    assert share(bench)
    bench.control("tamper", pulse_ms=0)
    for _ in range(2):
        with pytest.raises(Tampered):
            share(bench)
        with pytest.raises(Tampered):
            bench.op("make_secret")
        assert bench.control("secret")["page"] == "00" * 256
        bench.control("power_cut")


@pytest.mark.parametrize(("operation", "done"), [(1, 0), (1, 12), (1, 256), (2, 0), (2, 1), (2, 3), (2, 4), (2, 256)])
def test_make_secret_cut_at_any_write_ends_ready_or_is_made_anew(start: Callable[..., Bench], operation: int, done: int) -> None:
    """A secret that was not finished was never used; nothing but a wipe reads as tampered."""
    bench = start("--state", "unprovisioned", "--fault", f'{{"at": "flash#{operation}", "do": "power_cut", "done": {done}}}')
    with suppress(Refused):  # the driver asks again after the cut: by then the secret may be whole
        bench.op("make_secret")
    bench.control("wait_boot", after=1)
    assert bench.op("state")["state"] == "ready"
    assert share(bench) == hmac.new(secret_of(bench), b"rnt/share/1" + bytes.fromhex(CONTEXT), hashlib.sha256).hexdigest()


def test_make_secret_cut_in_its_erase_of_an_unfinished_one_made_anew(start: Callable[..., Bench]) -> None:
    with tempfile.TemporaryDirectory(prefix="rnt-") as folder:
        unfinished = bytes.fromhex("ffffffff") + bytes(range(0x40, 0x50))
        (path := Path(folder) / "flash").write_bytes(unfinished.ljust(8192, b"\xff"))
        bench = start("--flash", str(path), "--fault", '{"at": "flash#1", "do": "power_cut", "done": 10}')
        assert bench.op("state")["state"] == "unprovisioned"
        bench.op("make_secret")
        assert bench.op("state")["state"] == "ready"
        assert secret_of(bench)[:16] != bytes(range(0x40, 0x50))


def test_no_command_of_any_kind_and_length_tells_the_secret(bench: Bench) -> None:
    """Every type byte with payloads of the lengths there are: the secret is in no answer, and a share is not the secret."""
    secret = secret_of(bench)
    link = SerialLink(bench.port, 115200)
    try:
        for kind in range(256):
            for length in (0, 1, 2, 8, 18, 32):
                if (kind, length) != (HEARTBEAT, 2):  # a lease begun here would reset somebody
                    answer = asked(link, codec.build(length, kind, bytes(length)))
                    assert answer is not None, kind
                    assert not any(secret[at : at + 8] in answer for at in range(25)), kind
    finally:
        link.close()


def asked(link: SerialLink, request: bytes) -> bytes | None:
    """Return the body of the answer to a request."""
    link.write(request, Deadline.after(5))
    link.read_until(b"\0", 1, Deadline.after(5))
    return codec.unstuff(link.read_until(b"\0", 250, Deadline.after(5))[:-1])
