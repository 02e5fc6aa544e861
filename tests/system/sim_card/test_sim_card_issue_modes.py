# SPDX-License-Identifier: Apache-2.0
"""Cards issued with the operator's keys, none of them at the terminal: scripts of secured packets, relays, cards opened by a code.

The operator's end is the simulated operator's own (:mod:`simulators.backend.card_crypto`), the card is behind a real pcscd, and between
them is the shipped worker.
"""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from simulators.backend.card_crypto import ChannelFailed, Relay, Scp03Host, Scp03Keys, Scp80Sender, Verdict, challenge, judge, resynchronise
from simulators.backend.card_crypto.scp80 import ProofRefused
from simulators.sim_card.personas import CARDS
from simulators.sim_card.unlock import code
from tests.system.sim_card.writer_bench import PROFILE, WriterBench

OK = [[0x9000, 0xFFFF]]
USIM = bytes.fromhex("00A4040C07A0000000871002")
IMSI, SPN = bytes.fromhex("084906001121223343"), bytes.fromhex("00") + b"Operator".ljust(16, b"\xff")
SMSP = b"\xff" * 25 + bytes.fromhex("E1" + "FF" * 12 + "0891683108100005F0" + "FF" * 3 + "0000FF")
SHARED: dict[str, Any] = CARDS["blank-usim"].shared()
sqns = count(0x20, 0x20)


@pytest.fixture(scope="module")
def bench() -> Iterator[WriterBench]:
    with WriterBench() as made:
        yield made


def operator(counter: int = 0) -> Scp80Sender:
    return Scp80Sender(bytes.fromhex(SHARED["kic"]), bytes.fromhex(SHARED["kid"]), counter)


def updates(*, imsi: bytes = IMSI) -> list[bytes]:
    """Return a script that writes three files of the USIM and reads the last one."""
    files = ((0x6F46, b"\x00\xd6\x00\x00", SPN), (0x6F42, b"\x00\xdc\x01\x04", SMSP), (0x6F07, b"\x00\xd6\x00\x00", imsi))
    written = [(b"\x00\xa4\x00\x0c\x02" + fid.to_bytes(2, "big"), head + bytes([len(data)]) + data) for fid, head, data in files]
    return [USIM, *(command for pair in written for command in pair), bytes.fromhex("00B0000009")]


def scripted() -> list[bytes]:
    """Return the same for a secured packet, which names no application: the USIM is the current one there."""
    return [bytes.fromhex("00A4000C027FFF"), *updates()[1:]]


def steps(packets: list[bytes], sender: Scp80Sender) -> list[dict[str, Any]]:
    last = len(packets) - 1
    return [{"apdu": sender.command(data).hex(), "accepted": OK, "keep": at == last} for at, data in enumerate(packets)]


def held(bench: WriterBench) -> tuple[bytes, ...]:
    return tuple(bench.file(f"ADF.USIM/{name}") for name in ("IMSI", "SPN", "SMSP"))


@pytest.mark.parametrize("expanded", [False, True], ids=["compact", "expanded"])
def test_script_of_a_concatenated_packet_writes_files_and_the_proof_is_the_cards(bench: WriterBench, expanded: bool) -> None:  # noqa: FBT001  # a test's parameter
    iccid, sender = bench.fresh_blank(), operator()
    script = steps(sender.packets(scripted(), expanded=expanded), sender)
    assert len(script) == 2
    done = bench.worker.ok("run_script", expected_iccid=iccid, steps=script)
    [[position, sw, por]] = done["answers"]
    proof = sender.check(bytes.fromhex(por))
    assert (position, sw, proof.done, proof.commands, proof.data) == (1, 0x9000, True, 8, IMSI)
    imsi, spn, smsp = held(bench)
    assert (imsi, spn, smsp[: len(SMSP)]) == (IMSI, SPN, SMSP)
    assert bench.card.control("state")["verifies"] == 0
    forged = bytearray(bytes.fromhex(por))
    forged[-1] ^= 1
    with pytest.raises(ProofRefused):
        sender.check(bytes(forged))


def test_script_in_one_envelope_costs_four_commands_and_a_replay_writes_nothing(bench: WriterBench) -> None:
    iccid, sender = bench.fresh_blank(), operator()
    script = steps([sender.packet(updates()[5:])], sender)
    done = bench.worker.ok("run_script", expected_iccid=iccid, steps=script)
    assert (done["apdus"], done["fetched"]) == (4, 0)  # the ICCID, TERMINAL PROFILE, ENVELOPE, GET RESPONSE
    assert sender.check(bytes.fromhex(done["answers"][0][2])).data == IMSI
    before = bench.card.control("state")["updates"]
    assert bench.worker.error("run_script", expected_iccid=iccid, steps=script) == ("packet_refused", {"sw": 0x6200})
    assert bench.card.control("state")["updates"] == before


def test_script_with_one_bit_turned_is_refused_by_the_card_and_proves_nothing(bench: WriterBench) -> None:
    iccid, sender = bench.fresh_blank(), operator()
    packet = bytearray(sender.packet(updates()[5:]))
    packet[-1] ^= 1
    done = bench.worker.ok("run_script", expected_iccid=iccid, steps=steps([bytes(packet)], sender))
    with pytest.raises(ProofRefused, match="check_failed"):
        sender.check(bytes.fromhex(done["answers"][0][2]))
    assert bench.file("ADF.USIM/IMSI") == b"\xff" * 9
    assert bench.card.control("state")["updates"] == 0


def test_script_for_another_card_is_not_sent(bench: WriterBench) -> None:
    bench.fresh_blank()
    sender = operator()
    script = steps([sender.packet(updates()[5:])], sender)
    assert bench.worker.error("run_script", expected_iccid="89860099000000000029", steps=script) == ("card_changed", {})
    assert bench.card.control("state")["updates"] == 0


def test_script_stops_at_the_first_step_that_ends_otherwise_and_tells_what_was_kept(bench: WriterBench) -> None:
    iccid = bench.fresh_blank()
    adm = "0020000A08" + SHARED["adm"]
    script = [
        {"apdu": "00A40004022FE2", "accepted": OK, "keep": True},
        {"apdu": adm, "accepted": OK, "keep": False},
        {"apdu": "00D60000026F00", "accepted": [[0x6A00, 0xFF00]], "keep": True},
        {"apdu": "00B000000A00", "accepted": OK, "keep": True},
    ]
    refused = bench.worker.error("run_script", expected_iccid=iccid, steps=script)
    assert refused == ("script_unfit", {"position": 3})
    assert bench.card.control("state")["verifies"] == 0
    kind, data = bench.worker.error("run_script", expected_iccid=iccid, steps=script[:3])
    assert (kind, data["sw"], data["step"]) == ("write_failed", 0x9000, 2)
    assert [(position, sw) for position, sw, _ in data["answers"]] == [(0, 0x9000), (2, 0x9000)]
    assert data["answers"][0][2].startswith("62")


@pytest.mark.parametrize(("apdu", "sw"), [("00A4000C026FFF", 0x6A82), ("A0A40000023F00", 0x6E00), ("00FF000000", 0x6D00)])
def test_script_whose_first_step_the_card_cannot_do_left_it_as_it_was(bench: WriterBench, apdu: str, sw: int) -> None:
    iccid = bench.fresh_blank()
    script = [{"apdu": "80F2000C00", "accepted": OK, "keep": False}, {"apdu": apdu, "accepted": OK, "keep": False}]
    assert bench.worker.error("run_script", expected_iccid=iccid, steps=script) == ("unknown_card", {"sw": sw})


def test_script_step_with_data_and_le_goes_out_as_t0_has_it(bench: WriterBench) -> None:
    iccid = bench.fresh_blank()
    done = [
        bench.worker.ok("run_script", expected_iccid=iccid, steps=[{"apdu": "00A40004022FE2" + le, "accepted": OK, "keep": True}])
        for le in ("", "00")
    ]
    assert done[0] == done[1]


def test_script_to_a_card_that_asks_is_carried_through_and_every_question_answered() -> None:
    with WriterBench("--card", "usim-91xx") as bench:
        iccid, sender = bench.card.endpoints["iccid"], operator()
        bench.worker.ok("await_card")
        done = bench.worker.ok("run_script", expected_iccid=iccid, steps=steps(sender.packets(scripted()), sender))
        assert sender.check(bytes.fromhex(done["answers"][0][2])).data == IMSI
        assert done["fetched"] == 2
        assert bench.file("ADF.USIM/IMSI") == IMSI


def test_script_cut_in_the_middle_is_a_card_removed_and_spent() -> None:
    with WriterBench("--card", "blank-usim") as bench:
        iccid, sender = bench.card.endpoints["iccid"], operator()
        script = steps(sender.packets(scripted()), sender)
        bench.worker.ok("await_card")
        bench.fault(at="apdu#4", do="remove", when="after")
        assert bench.worker.error("run_script", expected_iccid=iccid, steps=script)[0] == "card_removed"
        bench.card.control("clear_faults")
        bench.card.control("insert")
        bench.worker.ok("await_card")
        assert bench.file("ADF.USIM/IMSI") == IMSI
        kind, data = bench.worker.error("run_script", expected_iccid=iccid, steps=script)
        assert (kind, data["sw"], data["step"], data["answers"]) == ("write_failed", 0x6200, 1, [[1, 0x6200, ""]])


def host(level: int = 0x33) -> Scp03Host:
    keys = Scp03Keys(bytes.fromhex(SHARED["enc"]), bytes.fromhex(SHARED["mac"]), SHARED["channel_version"])
    return Scp03Host(keys, os.urandom(8), level)


def carry(bench: WriterBench, iccid: str, relay: Relay, tamper: int = 0) -> int:
    """Carry a relay to its end, with one bit of the command of round ``tamper`` turned; returns the rounds."""
    command: bytes | None = relay.start()
    for number in count(1):
        if command is None:
            return number - 1
        sent = command[:-1] + bytes([command[-1] ^ 1]) if number == tamper else command
        done = bench.worker.ok("relay", expected_iccid=iccid, first=number == 1, commands=[sent.hex()])
        command = relay.then(bytes.fromhex(done["answers"][0]))
    return 0


def test_relay_of_a_secure_channel_writes_files_that_only_the_operator_could(bench: WriterBench) -> None:
    iccid, relay = bench.fresh_blank(), Relay(host(), updates())
    assert carry(bench, iccid, relay) == 2 + len(updates())
    assert relay.results[-1] == (IMSI, 0x9000)
    assert held(bench)[0] == IMSI
    assert bench.card.control("state")["verifies"] == 0


def test_relay_with_a_wrong_mac_closes_the_channel_and_nothing_more_is_written(bench: WriterBench) -> None:
    iccid, relay = bench.fresh_blank(), Relay(host(), updates())
    carry(bench, iccid, relay, tamper=5)  # the update of EF_SPN: channel 2, application, selection, update
    assert relay.results[-1][1] == 0x6982
    assert held(bench)[:2] == (b"\xff" * 9, b"\xff" * 17)
    late = "04D600000A" + "00" * 10
    assert bench.worker.ok("relay", first=False, commands=[late])["answers"] == ["6982"]


def test_relay_to_a_card_of_other_keys_ends_at_its_cryptogram(bench: WriterBench) -> None:
    iccid = bench.fresh_blank()
    wrong = Relay(Scp03Host(Scp03Keys(bytes(16), bytes(16), SHARED["channel_version"]), os.urandom(8)), updates())
    with pytest.raises(ChannelFailed, match="card_cryptogram"):
        carry(bench, iccid, wrong)


@pytest.mark.parametrize(
    "command", ["00D60000026F00", "0020000A08A1B2C3D4E5F60718", "80D4010010" + "00" * 16, "A0D60000026F00", "80C2000002D100"]
)
def test_relay_of_a_command_outside_the_channel_is_refused_before_anything_is_sent(bench: WriterBench, command: str) -> None:
    iccid = bench.fresh_blank()
    before = bench.card.control("state")["apdus"]
    refused = bench.worker.error("relay", expected_iccid=iccid, first=True, commands=["00A4000C023F00", command])
    assert refused == ("script_unfit", {"position": 1})
    assert bench.card.control("state")["apdus"] == before


def test_relay_in_which_the_card_was_reset_or_left_does_not_go_on(bench: WriterBench) -> None:
    iccid = bench.fresh_blank()
    start = host().initialize_update().hex()
    assert bench.worker.error("relay", first=False, commands=[start]) == ("card_changed", {})
    assert bench.worker.error("relay", expected_iccid="89860099000000000029", first=True, commands=[start])[0] == "card_changed"
    bench.worker.ok("relay", expected_iccid=iccid, first=True, commands=[start])
    bench.worker.ok("identify")
    assert bench.worker.error("relay", first=False, commands=[start]) == ("card_changed", {})
    bench.worker.ok("relay", expected_iccid=iccid, first=True, commands=[start])
    bench.card.control("remove")
    assert bench.worker.error("relay", first=False, commands=[start])[0] == "card_removed"
    bench.card.control("insert")
    bench.worker.ok("await_card")


UNLOCKED: dict[str, Any] = {name: value for name, value in PROFILE.items() if name not in {"adm", "adm_ref"}} | {"unlock_ref": 0x0A}


def answer(iccid: str, told: str) -> str:
    stored = bytes.fromhex("".join(iccid[at + 1] + iccid[at] for at in range(0, 20, 2)))
    return code(bytes.fromhex(CARDS["usim-unlock"].shared()["unlock"]), bytes.fromhex(told), stored).hex()  # type: ignore[arg-type]  # a hex text there


def test_unlock_by_the_cards_own_challenge_writes_a_profile_without_a_key(bench: WriterBench) -> None:
    iccid = bench.fresh_blank("usim-unlock")
    told = bench.worker.ok("get_challenge", expected_iccid=iccid, unlock_ref=0x0A)["challenge"]
    done = bench.worker.ok("write", profile=UNLOCKED, expected_iccid=iccid, auth_code=answer(iccid, told), challenge_of=told)
    assert done["written"][0] == "ICCID"
    assert bench.worker.ok("read_back", profile=UNLOCKED)["equal"] is True
    assert bench.card.control("state")["verifies"] == 0


def test_unlock_with_a_wrong_code_costs_a_try_and_the_last_one_is_left_alone(bench: WriterBench) -> None:
    iccid = bench.fresh_blank("usim-unlock")
    for left in (2, 1):
        told = bench.worker.ok("get_challenge", expected_iccid=iccid, unlock_ref=0x0A)["challenge"]
        wrong = bench.worker.error("write", profile=UNLOCKED, expected_iccid=iccid, auth_code="00" * 8, challenge_of=told)
        assert wrong == ("key_wrong", {"left": left})
    assert bench.worker.error("get_challenge", expected_iccid=iccid, unlock_ref=0x0A) == ("key_blocked", {"left": 1})
    told = bench.worker.ok("get_challenge", expected_iccid=iccid)["challenge"]
    last = bench.worker.error("write", profile=UNLOCKED, expected_iccid=iccid, auth_code="00" * 8, challenge_of=told)
    assert last == ("key_blocked", {"left": 0})
    assert bench.card.control("state") | {"apdus": 0, "power_ups": 0} == bench.card.control("state") | {
        "apdus": 0,
        "power_ups": 0,
        "updates": 0,
    }


def test_unlock_whose_challenge_is_not_the_cards_last_one_is_refused_before_the_card(bench: WriterBench) -> None:
    iccid = bench.fresh_blank("usim-unlock")
    told = bench.worker.ok("get_challenge", expected_iccid=iccid)["challenge"]
    given: dict[str, Any] = {"profile": UNLOCKED, "expected_iccid": iccid, "auth_code": answer(iccid, told)}
    assert bench.worker.error("write", **given, challenge_of="00" * 8) == ("card_changed", {})
    told = bench.worker.ok("get_challenge", expected_iccid=iccid)["challenge"]
    bench.worker.ok("identify")
    assert bench.worker.error("write", **given | {"auth_code": answer(iccid, told)}, challenge_of=told) == ("card_changed", {})
    told = bench.worker.ok("get_challenge", expected_iccid=iccid)["challenge"]
    bench.card.control("remove")
    bench.card.control("insert")
    assert bench.worker.error("write", **given | {"auth_code": answer(iccid, told)}, challenge_of=told) == ("card_changed", {})
    bench.worker.ok("await_card")
    assert bench.card.control("state")["unlocking_tries"] == {"0A": 3}
    assert bench.worker.error("write", profile=UNLOCKED, expected_iccid=iccid)[1] == {"item": "auth_code"}


def test_unlock_of_a_card_that_has_none_is_unknown_and_nothing_was_tried(bench: WriterBench) -> None:
    iccid = bench.fresh_blank()
    told = bench.worker.ok("get_challenge", expected_iccid=iccid)["challenge"]
    refused = bench.worker.error("write", profile=UNLOCKED, expected_iccid=iccid, auth_code="00" * 8, challenge_of=told)
    assert refused == ("profile_unfit", {"item": "unlock_ref"})
    asked = bench.worker.error("get_challenge", expected_iccid=iccid, unlock_ref=0x0A)
    assert asked == ("profile_unfit", {"item": "unlock_ref"})


def test_key_is_proven_by_the_operators_challenge_and_the_session_keys_stay_in_the_worker(bench: WriterBench) -> None:
    bench.fresh_blank()
    k, opc = bytes.fromhex(SHARED["k"]), bytes.fromhex(SHARED["opc"])
    sent = challenge(k, opc, next(sqns), os.urandom(16))
    fresh = bench.worker.ok("prove_key", rand=sent.rand.hex(), autn=sent.autn.hex())["data"]
    assert (fresh[:4], len(fresh), judge(sent, bytes.fromhex(fresh), 0x9000)) == ("db08", 20, Verdict.RIGHT)
    stale = bytes.fromhex(bench.worker.ok("prove_key", rand=sent.rand.hex(), autn=sent.autn.hex())["data"])
    assert (stale[:2], judge(sent, stale, 0x9000)) == (b"\xdc\x0e", Verdict.RIGHT_BUT_STALE)
    assert resynchronise(k, opc, sent.rand, stale[2:]) is not None
    other = challenge(opc, k, next(sqns), os.urandom(16))
    assert bench.worker.error("prove_key", rand=other.rand.hex(), autn=other.autn.hex()) == ("mac_failure", {})
