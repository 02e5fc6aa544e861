# SPDX-License-Identifier: Apache-2.0
"""What holds on a terminal over time: expiry ends new sessions only, and nothing nobody performs is left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware import packs
from firmware.core.errors import PackFault, PackRefused, PolicyRefused
from firmware.core.policy import SignedPack, assemble, check_performable
from firmware.journal import Journal
from firmware.runtime.policies import PERFORMERS, Policies

PACK = packs.load("cn/mobile")
SIGNED = SignedPack(PACK, "operator-test", 1000, 1000, 2000)
POLICIES = Policies(assemble(packs.load("cn/base"), [PACK]), (SIGNED,))


@pytest.mark.parametrize(("seconds", "code"), [(999, "R510"), (1000, ""), (1999, ""), (2000, "R510"), (10**10, "R510")])
def test_packs_hold_in_their_time_and_no_longer(seconds: int, code: str) -> None:
    assert POLICIES.code(seconds) == code


@pytest.mark.clause("T-11")
def test_expired_packs_end_new_sessions_and_still_rule_those_begun() -> None:
    with pytest.raises(PolicyRefused) as caught:
        POLICIES.plan("T01", "D01", 2000)
    assert caught.value.code == "R510"
    assert POLICIES.again("T01", "D08").policy[0] == "cn/mobile"


def test_earliest_end_of_a_set_ends_it() -> None:
    longer = replace(SIGNED, expires=9000)
    assert Policies(POLICIES.packs, (longer, SIGNED)).code(2500) == "R510"


def test_refused_packs_refuse_every_business() -> None:
    refused = Policies(packs.floor(), refused=PackRefused(PackFault.MISSING, "cn/mobile"))
    with pytest.raises(PolicyRefused) as caught:
        refused.plan("T01", "D01", 1500)
    assert caught.value.code == "R510"


@pytest.mark.parametrize(("part", "item"), [("steps", "portrait"), ("evidence", "chip-data"), ("checks", "online")])
def test_item_nobody_performs_refuses_the_plan_and_is_named(part: str, item: str) -> None:
    plan = POLICIES.again("T01", "D01")
    check_performable(plan, PERFORMERS)
    fewer = replace(PERFORMERS, **{part: getattr(PERFORMERS, part) - {item}})
    with pytest.raises(PolicyRefused) as caught:
        check_performable(plan, fewer)
    assert (caught.value.code, caught.value.reason) == ("R410", f"no performer for {item}")


def test_what_follows_the_capture_needs_a_performer_too() -> None:
    with pytest.raises(PolicyRefused) as caught:
        check_performable(POLICIES.again("T01", "D01"), replace(PERFORMERS, closings=frozenset()))
    assert caught.value.code == "R410"


def test_pack_older_than_the_newest_that_held_here_is_r510(tmp_path: Path) -> None:
    """T-11: an old signed pack put back on the disk, or an old software with an old floor."""
    assert POLICIES.versions == {"cn/base": packs.load("cn/base").version, "cn/mobile": PACK.version}
    with Journal.open(tmp_path / "journal.db", bytes(32)) as journal:
        assert POLICIES.above(journal.pack_floor()) is POLICIES
        journal.raise_pack_floor(POLICIES.versions)
        assert POLICIES.above(journal.pack_floor()).code(1500) == ""
        journal.raise_pack_floor({"cn/mobile": PACK.version + 1})
        journal.raise_pack_floor(POLICIES.versions)
    with Journal.open(tmp_path / "journal.db", bytes(32)) as journal:
        found = POLICIES.above(journal.pack_floor())
    assert found.code(1500) == "R510"
    assert found.refused is not None
    assert (found.refused.fault, found.refused.pack) == (PackFault.OLDER, "cn/mobile")


@pytest.mark.parametrize("pack", ["cn/base", "cn/unicom"])
def test_floor_of_the_software_counts_and_that_of_an_absent_pack_does_not(pack: str) -> None:
    found = POLICIES.above({pack: 1000})
    assert (found.code(1500) == "R510") is (pack == "cn/base")
