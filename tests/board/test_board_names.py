# SPDX-License-Identifier: Apache-2.0
"""One name for one thing: pins, device nodes, unit, configuration and board definition agree."""

import ast
import csv
import dataclasses
import importlib.util
import json
import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from firmware.runtime import config
from firmware.runtime.memory import WIPING

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "board"
DEFINITION = BOARD / "micropython" / "RNT_CONTROLLER"
CONTROLLER = ROOT / "firmware" / "controller"
PINS = {row["name"]: row for row in csv.DictReader((BOARD / "pins.csv").read_text().splitlines())}


def constants(path: Path) -> dict[str, int]:
    """Return the module's ``NAME = const(number)`` lines."""
    return {name: int(value, 0) for name, value in re.findall(r"^(\w+) = const\((\w+)\)", path.read_text(), re.MULTILINE)}


def unit() -> list[tuple[str, str, str]]:
    """Return (section, key, value) of every line of the systemd unit."""
    section, lines = "", []
    for line in (BOARD / "systemd" / "rnt-terminal.service").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, separator, value = line.partition("=")
            assert separator, line
            lines.append((section, key, value))
    return lines


def values(key: str) -> list[str]:
    return [value for _, name, value in unit() if name == key]


def sample() -> dict[str, Any]:
    return tomllib.loads((BOARD / "terminal.toml").read_text())


# ---- pins


def test_pins_table_equals_firmware_constants() -> None:
    firmware = {name.removeprefix("PIN_"): number for name, number in constants(CONTROLLER / "hal.py").items() if name.startswith("PIN_")}
    assert firmware == {name: int(row["gpio"]) for name, row in PINS.items()}


def test_pins_table_numbers_unique_and_on_the_chip() -> None:
    numbers = [int(row["gpio"]) for row in PINS.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number <= 29 for number in numbers)


def test_pins_outputs_which_switch_power_are_pulled_down() -> None:
    assert {name: PINS[name]["pull"] for name in ("SIM_POWER", "HOST_RESET", "READER_OFF")} == dict.fromkeys(
        ("SIM_POWER", "HOST_RESET", "READER_OFF"), "down"
    )
    assert PINS["TAMPER"]["pull"] == "up"


def test_board_definition_pins_equal_pins_table() -> None:
    rows = dict(csv.reader((DEFINITION / "pins.csv").read_text().splitlines()))
    assert rows == {name: f"GPIO{row['gpio']}" for name, row in PINS.items()}


def test_board_definition_uart_pins_all_four_as_in_pins_table() -> None:
    header = (DEFINITION / "mpconfigboard.h").read_text()
    numbers = dict(re.findall(r"MICROPY_HW_UART0_(TX|RX|CTS|RTS) \((\d+)\)", header))
    assert {f"UART_{name}": int(number) for name, number in numbers.items()} == {
        name: int(row["gpio"]) for name, row in PINS.items() if name.startswith("UART_")
    }


# ---- the controller's image


def test_board_definition_freezes_every_module_of_the_controller() -> None:
    frozen: list[tuple[str, str]] = []

    def module(name: str, base_path: str = ".", *, opt: int) -> None:
        assert opt == 3
        frozen.append((name, base_path))

    scope = {"module": module}
    exec(compile((DEFINITION / "manifest.py").read_text(), "manifest.py", "exec"), scope)  # noqa: S102  # a manifest is a program
    ours = {name for name, base in frozen if "firmware/controller" in base}
    assert ours == {path.name for path in CONTROLLER.glob("*.py")}
    base = next(base for name, base in frozen if name == "core.py").replace("$(BOARD_DIR)", str(DEFINITION))
    assert Path(base).resolve() == CONTROLLER
    assert ("_boot.py", ".") in frozen


def test_board_definition_boot_mounts_nothing() -> None:
    names = {node.id for node in ast.walk(ast.parse((DEFINITION / "_boot.py").read_text())) if isinstance(node, ast.Name)}
    assert names == {"sys"}


@pytest.mark.parametrize("switch", ["MICROPY_HW_ENABLE_USBDEV", "MICROPY_HW_ENABLE_UART_REPL", "MICROPY_PY_THREAD", "MICROPY_PY_NETWORK"])
def test_board_definition_feature_off(switch: str) -> None:
    assert f"#define {switch} (0)" in (DEFINITION / "mpconfigboard.h").read_text()


def test_board_definition_cmake_and_json_say_what_the_port_asks_for() -> None:
    settings = dict(re.findall(r"^set\((\w+) (.+)\)$", (DEFINITION / "mpconfigboard.cmake").read_text(), re.MULTILINE))
    assert set(settings) == {"PICO_BOARD", "PICO_PLATFORM", "MICROPY_FROZEN_MANIFEST", "MICROPY_HW_FLASH_STORAGE_BYTES"}
    assert int(settings["MICROPY_HW_FLASH_STORAGE_BYTES"]) % 4096 == 0
    about = json.loads((DEFINITION / "board.json").read_text())
    assert {"mcu", "product", "vendor", "features", "deploy"} <= set(about)
    assert about["mcu"] == "rp2350"


# ---- the computer module


def rules() -> list[str]:
    return [line for line in (BOARD / "udev" / "60-rnt.rules").read_text().splitlines() if line and not line.startswith("#")]


def test_udev_every_assignment_well_formed() -> None:
    match_or_set = re.compile(r'^(\w+(\{\w+\})?)(==|!=|\+=|=)"[^"]*"$')
    for line in rules():
        for part in line.split(", "):
            assert match_or_set.match(part), part


def test_udev_links_are_the_five_devices() -> None:
    links = {link for line in rules() for link in re.findall(r'SYMLINK\+="([^"]+)"', line)}
    assert links == {"rnt/id-reader", "rnt/controller", "rnt/printer", "rnt/camera", "rnt/document-camera"}


def test_udev_links_group_and_mode_set() -> None:
    for line in rules():
        if "SYMLINK" in line or "idVendor" in line:
            assert 'GROUP="rnt"' in line
            assert 'MODE="0660"' in line


def test_udev_ports_hidden_from_modem_manager() -> None:
    for line in rules():
        if line.startswith('SUBSYSTEM=="tty"'):
            assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line


def test_sample_configuration_device_paths_are_made_by_udev() -> None:
    links = {f"/dev/{link}" for line in rules() for link in re.findall(r'SYMLINK\+="([^"]+)"', line)}
    ports = {table["port"] for table in sample().values() if "port" in table}
    assert ports == {"/dev/rnt/id-reader", "/dev/rnt/controller", "/dev/rnt/printer"}
    assert ports <= links


def test_sample_configuration_loads_in_the_terminal() -> None:
    loaded = config.load(BOARD / "terminal.toml")
    assert str(loaded.terminal.state_dir) == "/var/lib/rnt"


def test_sample_configuration_names_every_key_of_the_board() -> None:
    hints = get_type_hints(config.Config)
    tables = {
        name: {field.name for field in dataclasses.fields(hints[name])} for name in hints if name not in {"patience", "portrait", "offline"}
    }
    tables["id_reader"] -= {"usb", "pcsc", "pcscd_socket"}  # the board's reader is named by its port; there is one way only
    assert {name: set(table) for name, table in sample().items()} == tables


def test_unit_starts_the_module_that_exists_with_the_sample_path() -> None:
    (start,) = values("ExecStart")
    program, *arguments = start.split()
    assert program == "/opt/rnt/bin/python"
    assert arguments == ["-m", "firmware.runtime", "--config", "/etc/rnt/terminal.toml"]
    assert importlib.util.find_spec("firmware.runtime.__main__")


def test_unit_starts_under_the_settings_that_overwrite_freed_memory() -> None:
    assert values("Environment") == [f"{name}={value}" for name, value in WIPING.items()]
    assert (values("LimitCORE"), values("MemorySwapMax")) == (["0"], ["0"])


def test_unit_folders_are_those_of_the_sample_configuration() -> None:
    terminal = sample()["terminal"]
    assert values("StateDirectory") == [terminal["state_dir"].removeprefix("/var/lib/")]
    assert values("RuntimeDirectory") == [terminal["run_dir"].removeprefix("/run/")]
    assert values("StateDirectoryMode") == ["0700"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "exec"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectClock", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectProc", "invisible"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("DevicePolicy", "closed"),
        ("IPAddressDeny", "any"),
        ("UMask", "0077"),
        ("RestartPreventExitStatus", "2 6"),
    ],
)
def test_unit_hardened(key: str, value: str) -> None:
    assert [(section, name, set_to) for section, name, set_to in unit() if name == key] == [("Service", key, value)]


def test_unit_start_limit_stands_in_the_unit_section() -> None:
    assert {section for section, key, _ in unit() if key.startswith("StartLimit")} == {"Unit"}


@pytest.mark.parametrize("key", ["PrivateUsers", "ProcSubset", "DynamicUser", "PrivateDevices"])
def test_unit_options_that_break_the_terminal_absent(key: str) -> None:
    assert values(key) == []


def test_unit_user_is_made_by_sysusers_and_owns_the_folders() -> None:
    (user,) = values("User")
    assert re.search(rf"^u {user} ", (BOARD / "sysusers.d" / "rnt.conf").read_text(), re.MULTILINE)
    folders = {
        line.split()[1]: line.split()[3] for line in (BOARD / "tmpfiles.d" / "rnt.conf").read_text().splitlines() if line.startswith("d ")
    }
    assert folders == {"/etc/rnt": "root", "/var/lib/rnt": user}
    assert f'isInGroup("{user}")' in (BOARD / "polkit" / "50-rnt.rules").read_text()


# ---- documents


def test_block_diagram_has_title_and_description() -> None:
    names = [child.tag.rpartition("}")[2] for child in ET.parse(BOARD / "block-diagram.svg").getroot()]  # noqa: S314  # our own file
    assert names[:2] == ["title", "desc"]


def test_readme_names_every_file_of_the_board() -> None:
    text = (BOARD / "README.md").read_text()
    for path in set(BOARD.iterdir()) - {BOARD / "README.md"}:
        assert path.name in text, path.name
