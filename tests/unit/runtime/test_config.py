# SPDX-License-Identifier: Apache-2.0
"""The configuration: what it takes, and that anything else is one error that names the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.runtime.config import MAX_BYTES, Config, ConfigError, load, parse

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b"""
[terminal]
serial = "RNT-000001"
state_dir = "state"
run_dir = "run"
[backend]
url = "https://localhost:8443"
timeout_s = 4
[id_reader]
port = "reader"
[sim_card]
reader = "writer 00 00"
[controller]
port = "controller"
[camera]
source = "camera.sock"
[printer]
port = "printer"
"""


def test_config_good_file_gives_frozen_tables_with_stated_defaults() -> None:
    config = parse(GOOD)
    assert (config.terminal.serial, config.backend.timeout_s, config.id_reader.baud) == ("RNT-000001", 4.0, 115200)
    assert config.keys.record == "file:keys/record.pem"
    assert config.device("id_reader") == {"port": "reader", "baud": 115200, "usb": "", "pcsc": "", "pcscd_socket": ""}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (GOOD + b"[modem]\nport = 'x'\n", "modem"),
        (GOOD.replace(b"serial", b"serail"), "serail"),
        (GOOD.replace(b'port = "reader"', b""), "id_reader.port"),
        (GOOD.replace(b'port = "reader"', b'port = "reader"\nusb = "0400:c35a"'), "id_reader.usb"),
        (GOOD.replace(b"timeout_s = 4", b"timeout_s = '4'"), "backend.timeout_s"),
        (GOOD.replace(b"timeout_s = 4", b"timeout_s = true"), "backend.timeout_s"),
        (GOOD.replace(b'"RNT-000001"', b'""'), "terminal.serial"),
        (GOOD.replace(b"[printer]", b"[printer_]"), "printer"),
        (b"terminal = 3\n", "terminal"),
        *(
            (GOOD.replace(b"timeout_s = 4", b"timeout_s = " + wait), "backend.timeout_s")
            for wait in (b"inf", b"nan", b"-1", b"0", b"1" * 400)
        ),
        *((GOOD + b"[patience]\nperson_s = " + wait, "patience.person_s") for wait in (b"inf", b"nan", b"-inf", b"0.5", b"300.1")),
    ],
)
def test_config_mistake_names_its_place(text: bytes, place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        parse(text)


def test_config_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path / "none.toml")


def test_config_oversized_file_is_refused_unparsed(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger"):
        load(tmp_path / "big.toml")


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_config_random_bytes_are_a_config_error(text: bytes) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.data())
def test_config_damaged_file_is_an_error_or_a_config(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(GOOD) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = GOOD[:cut] + bytes([GOOD[cut] ^ 1 << bit]) + GOOD[cut + 1 :]
    for text in (flipped, GOOD[:cut], GOOD + b"[" * cut):
        try:
            config = parse(text)
        except ConfigError:
            continue
        assert isinstance(config, Config)
