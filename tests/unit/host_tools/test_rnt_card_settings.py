# SPDX-License-Identifier: Apache-2.0
"""``--set NAME=VALUE`` of ``rnt card``: what is read, what may not stand on a command line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card.profile import Profile
from host_tools.rnt.card.inputs import KNOWN, load_profile
from host_tools.rnt.card.settings import HIDDEN, PERSONAL, READ, parse_settings
from host_tools.rnt.outcome import ExitCode, Stopped
from tests.unit.host_tools.test_rnt_card_inputs import TOML, code

MANY = settings(max_examples=2000, deadline=None)


def test_every_item_of_a_profile_is_set_or_kept_from_the_command_line() -> None:
    assert {*READ, *HIDDEN, *PERSONAL} == KNOWN


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ust=12,19,42-44", [12, 19, 42, 43, 44]), ("msisdn_on_card=true", True), ("msisdn_on_card=no", False), ("hpplmn=5", 5),
        ("adm_ref=0x0A", 10), ("li=zh, en", ["zh", "en"]), ("fplmn=", []), ("ecc=112:00", ["112:00"]), ("spn=A=B", "A=B"),
    ],
)  # fmt: skip
def test_setting_is_read_by_its_item(text: str, value: Any) -> None:
    assert list(parse_settings([text]).values()) == [value]


def test_settings_count_before_the_file_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(TOML)
    found = load_profile(path, None, needed=False, settings=["spn=First", "spn=Second", "ust=1-3", "msisdn_on_card=yes"])
    assert isinstance(found, Profile)
    assert (found.spn, found.ust, found.msisdn_on_card) == ("Second", frozenset({1, 2, 3}), True)


@pytest.mark.parametrize("name", [*HIDDEN, *PERSONAL])
def test_secret_or_subscribers_number_on_the_command_line_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(Stopped) as refused:
        parse_settings([f"{name}=460001112223334"])
    assert refused.value.code is ExitCode.USAGE
    assert "460001112223334" not in refused.value.message + refused.value.hint


@MANY
@given(st.sampled_from([*READ, "zzz", ""]), st.sampled_from(["=", "", "=="]), st.text(max_size=12) | st.text("0123456789,-x", max_size=12))
def test_any_setting_is_a_value_or_a_usage_error(name: str, equals: str, value: str) -> None:
    assert code(lambda: parse_settings([name + equals + value])) in {None, ExitCode.USAGE}
