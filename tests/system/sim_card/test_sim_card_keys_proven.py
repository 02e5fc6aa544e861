# SPDX-License-Identifier: Apache-2.0
"""Keys that cannot be read: proven by a challenge, changed and unblocked under the counter rules, and a card of the second generation."""

from typing import Any

import pytest

from simulators.sim_card.milenage import Milenage
from tests.system.sim_card.writer_bench import PROFILE, WHOLE, WriterBench

ADM2 = "B1B2B3B4B5B6B7B8"
RAND = bytes(range(0x40, 0x50))
PIN, NEW, PUK = "31323334FFFFFFFF", "34333231FFFFFFFF", "3132333435363738"


def _challenge(k: str, opc: str, sqn: int) -> tuple[dict[str, Any], str]:
    """Return RAND and AUTN as the operator makes them, and the RES it expects."""
    algorithm = Milenage(bytes.fromhex(k), bytes.fromhex(opc))
    res, anonymity = algorithm.f2_f5(RAND)
    number = sqn.to_bytes(6, "big")
    mac = algorithm.f1(RAND, number, bytes(2))[0]
    autn = bytes(a ^ b for a, b in zip(number, anonymity, strict=True)) + bytes(2) + mac
    return {"rand": RAND.hex(), "autn": autn.hex()}, res.hex()


@pytest.mark.parametrize("kind", ["usim-compact", "usim-key-files", "usim-key-command"])
def test_sim_card_keys_written_are_proven_by_a_challenge_and_left_alone_when_resumed(kind: str) -> None:
    with WriterBench("--card", kind) as bench:
        profile: dict[str, Any] = {**WHOLE, "adm": bench.card.endpoints["adm"], "key_adm": ADM2}
        fresh, res = _challenge(WHOLE["k"], WHOLE["opc"], 0x20)
        bench.worker.ok("await_card")
        assert bench.worker.error("authenticate", **fresh)[0] in {"mac_failure", "authenticate_refused"}  # another key, or none yet
        bench.worker.ok("write", profile=profile, expected_iccid=bench.card.endpoints["iccid"])
        proven = bench.worker.ok("authenticate", **fresh, xres=res)
        assert (proven["result"], proven["data"], proven["apdus"]) == ("res", res, 3)
        stale = bench.worker.ok("authenticate", **fresh)
        assert (stale["result"], len(stale["data"])) == ("auts", 28)
        assert bench.worker.error("authenticate", **_challenge(WHOLE["opc"], WHOLE["k"], 0x40)[0]) == ("mac_failure", {})
        updates = bench.card.control("state")["updates"]
        again = bench.worker.ok("write", profile=profile, expected_iccid=profile["iccid"], resume=True, challenge=fresh)
        assert again["written"] == []
        assert "K" in again["skipped"]
        assert bench.card.control("state")["updates"] == updates


def test_sim_card_res_that_is_not_the_expected_one_is_a_mac_failure() -> None:
    with WriterBench("--card", "usim-compact") as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=WHOLE, expected_iccid=bench.card.endpoints["iccid"])
        fresh, _ = _challenge(WHOLE["k"], WHOLE["opc"], 0x20)
        assert bench.worker.error("authenticate", **fresh, xres="00" * 8) == ("mac_failure", {"res": False})
        assert bench.worker.error("authenticate", rand="00", autn=fresh["autn"]) == ("profile_unfit", {"item": "rand"})


def test_sim_card_pin_is_changed_blocked_and_unblocked_under_the_rules() -> None:
    with WriterBench("--card", "pin-enabled") as bench:
        bench.worker.ok("await_card")
        assert bench.worker.ok("pin", action="state", key=1)["left"] == 3
        assert bench.worker.error("pin", action="verify", key=1, value=NEW) == ("key_wrong", {"left": 2})
        assert bench.worker.error("pin", action="verify", key=1, value=NEW) == ("key_wrong", {"left": 1})
        assert bench.worker.error("pin", action="verify", key=1, value=PIN) == ("key_blocked", {"left": 1})
        assert bench.worker.error("pin", action="verify", key=1, value=NEW, ordered=True) == ("key_blocked", {"left": 0})
        assert bench.worker.error("pin", action="verify", key=1, value=PIN, ordered=True) == ("key_blocked", {"left": 0})
        bench.worker.ok("pin", action="unblock", key=1, puk=PUK, new=NEW)
        bench.worker.ok("pin", action="verify", key=1, value=NEW)
        assert bench.worker.error("pin", action="verify", key=0x0E, value=NEW)[0] == "unknown_card"


def test_sim_card_envelope_that_is_no_packet_is_answered_or_refused() -> None:
    with WriterBench("--card", "usim-91xx") as bench:
        bench.worker.ok("await_card")
        answer = bench.worker.ask("envelope", data="D1020000")
        assert answer.get("ok", {}).get("fetched", 1) >= 1
        assert answer.get("error", "packet_refused") == "packet_refused"
        assert bench.worker.error("envelope", data="zz") == ("profile_unfit", {"item": "data"})


def test_sim_card_of_the_second_generation_is_written_by_order_and_read_back() -> None:
    profile = PROFILE | {"adm_ref": 4, "hplmn_act": [], "ehplmn": [], "hpplmn": 6, "msisdn_on_card": True}
    with WriterBench("--card", "sim-2g") as bench:
        iccid = bench.card.endpoints["iccid"]
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["blank"] is True
        lacking = {**profile, "hplmn_act": ["46000:4000"]}
        assert bench.worker.error("write", profile=lacking, expected_iccid=iccid) == ("profile_unfit", {"item": "HPLMNwAcT"})
        assert bench.worker.error("write", profile=profile, expected_iccid=iccid) == ("key_blocked", {"left": 1})
        assert bench.card.control("state")["verifies"] == 0
        written = bench.worker.ok("write", profile=profile, expected_iccid=iccid, ordered=True)
        assert len(written["written"]) == 10
        assert bench.worker.ok("read_back", profile=profile)["equal"] is True
        assert bench.worker.error("authenticate", rand="00" * 16, autn="00" * 16)[0] == "authenticate_refused"
