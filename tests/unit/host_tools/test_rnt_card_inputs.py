# SPDX-License-Identifier: Apache-2.0
"""The profile and secrets files of ``rnt card``: what is refused, and that nothing secret is repeated."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.rnt.card.inputs import MAX_FILE, load_profile, parse_profile, parse_secrets
from host_tools.rnt.outcome import ExitCode, Stopped

MANY = settings(max_examples=2000, deadline=None)
ADM = "A1B2C3D4E5F60718"
PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10,
}  # fmt: skip
TOML = "\n".join(f"{name} = {json.dumps(value)}" for name, value in PROFILE.items()).encode()


def profile(folder: Path, content: bytes = TOML, name: str = "profile.toml") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def secrets(folder: Path, content: str = f'adm = "{ADM}"\n', mode: int = 0o600) -> str:
    path = folder / "secrets"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def refusal(path: Path, hidden: str | None, *, needed: bool = True) -> Stopped:
    with pytest.raises(Stopped) as caught:
        load_profile(path, hidden, needed=needed)
    assert caught.value.hint
    return caught.value


def test_toml_and_json_profiles_are_the_same(tmp_path: Path) -> None:
    hidden = secrets(tmp_path)
    from_toml = load_profile(profile(tmp_path), hidden, needed=True)
    from_json = load_profile(profile(tmp_path, json.dumps(PROFILE).encode(), "profile.json"), hidden, needed=True)
    assert from_toml == from_json
    assert from_toml.adm == bytes.fromhex(ADM)


def test_secrets_may_be_json_too(tmp_path: Path) -> None:
    assert load_profile(profile(tmp_path), secrets(tmp_path, json.dumps({"adm": ADM})), needed=True).adm == bytes.fromhex(ADM)


def test_profile_without_secrets_does_where_no_key_is_presented(tmp_path: Path) -> None:
    assert load_profile(profile(tmp_path), None, needed=False).imsi == PROFILE["imsi"]
    assert refusal(profile(tmp_path), None).code is ExitCode.USAGE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_secrets_file_others_may_touch_is_refused_as_unsafe(tmp_path: Path, mode: int) -> None:
    assert refusal(profile(tmp_path), secrets(tmp_path, mode=mode)).code is ExitCode.UNSAFE


@pytest.mark.parametrize("name", ["adm", "k", "opc", "key_adm"])
def test_secret_in_the_profile_is_refused_without_repeating_it(tmp_path: Path, name: str) -> None:
    refused = refusal(profile(tmp_path, TOML + f'\n{name} = "{ADM * 2}"'.encode()), None, needed=False)
    assert (refused.code, ADM in refused.message + refused.hint) == (ExitCode.USAGE, False)


def test_misspelt_key_of_a_profile_is_named(tmp_path: Path) -> None:
    assert "'spm'" in refusal(profile(tmp_path, TOML.replace(b"spn =", b"spm =")), None, needed=False).message


@pytest.mark.parametrize(
    "text", [f'{ADM} = "x"', f'"{ADM}"', f'adm = "{ADM}"\nx = "{ADM}"', f"adm = {int(ADM, 16)}", "[adm]", f'k = {{x="{ADM}"}}']
)
def test_secrets_of_another_form_are_refused_without_repeating_any(tmp_path: Path, text: str) -> None:
    refused = refusal(profile(tmp_path), secrets(tmp_path, text))
    assert (refused.code, ADM in refused.message + refused.hint) == (ExitCode.USAGE, False)


def test_adm_of_another_length_is_named_without_its_value(tmp_path: Path) -> None:
    refused = refusal(profile(tmp_path), secrets(tmp_path, f'adm = "{ADM}00"'))
    assert (refused.code, "adm" in refused.message, ADM in refused.message) == (ExitCode.USAGE, True, False)


@pytest.mark.parametrize(("name", "value"), [("mnc_length", 2.0), ("adm_ref", 300), ("imsi", 46), ("ehplmn", [1])])
def test_value_of_another_kind_is_a_usage_error(tmp_path: Path, name: str, value: object) -> None:
    content = json.dumps({**PROFILE, name: value}).encode()
    assert refusal(profile(tmp_path, content, "p.json"), None, needed=False).code is ExitCode.USAGE


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml", None, needed=False).code is ExitCode.NOT_FOUND
    assert refusal(profile(tmp_path), str(tmp_path / "none")).code is ExitCode.NOT_FOUND
    assert refusal(profile(tmp_path, b"#" * (MAX_FILE + 1)), None, needed=False).code is ExitCode.USAGE
    assert refusal(profile(tmp_path, b" \n"), None, needed=False).code is ExitCode.USAGE


def test_secrets_may_come_through_a_pipe_of_ones_own(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, f'adm = "{ADM}"'.encode())
    os.close(writing)
    assert load_profile(profile(tmp_path), f"/dev/fd/{reading}", needed=True).adm == bytes.fromhex(ADM)
    os.close(reading)


JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3))
NAMES = st.sampled_from([*PROFILE, "adm", "k", "zzz"]) | st.text(max_size=5)


def code(parse: Callable[[], object]) -> ExitCode | None:
    """Return the exit code a parser stops with, None when it does not."""
    try:
        parse()
    except Stopped as stop:
        return stop.code
    return None


@pytest.mark.slow
@MANY
@given(st.binary(max_size=200) | st.dictionaries(NAMES, JSON_VALUES, max_size=6).map(lambda found: json.dumps(found).encode()))
def test_any_profile_is_values_or_a_usage_error(content: bytes) -> None:
    assert {code(lambda: parse_profile(content)), code(lambda: parse_profile(content, is_json=True))} <= {None, ExitCode.USAGE}


@MANY
@given(st.integers(0, len(TOML) - 1), st.binary(min_size=1, max_size=3))
def test_damaged_profile_is_values_or_a_usage_error(at: int, noise: bytes) -> None:
    for content in (TOML[:at] + noise + TOML[at + len(noise) :], TOML[:at]):
        assert code(lambda content=content: parse_profile(content)) in {None, ExitCode.USAGE}  # type: ignore[misc]  # a bound default


@pytest.mark.slow
@MANY
@given(st.binary(max_size=200) | st.dictionaries(NAMES, JSON_VALUES, max_size=4).map(lambda found: json.dumps(found).encode()))
def test_any_secrets_are_texts_of_known_keys_or_a_usage_error(content: bytes) -> None:
    stopped = code(lambda: parse_secrets(content))
    assert stopped in {None, ExitCode.USAGE}
    if stopped is None:
        assert parse_secrets(content).keys() <= {"adm", "k", "opc", "key_adm"}


@pytest.mark.parametrize("content", [b"[" * 50000, b'{"a":' * 50000, b"a = " + b"[" * 50000])
def test_deeply_nested_file_is_a_usage_error(content: bytes) -> None:
    assert {code(lambda: parse_profile(content)), code(lambda: parse_profile(content, is_json=True))} == {ExitCode.USAGE}
