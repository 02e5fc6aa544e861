# SPDX-License-Identifier: Apache-2.0
"""Secured packets: a real card's bytes, operator against card, replays, tampering, formats, noise."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.backend.card_crypto import ProofRefused, Scp80Sender
from simulators.backend.card_crypto.scp80 import TRIPLE_DES
from simulators.sim_card.crypto_packet import KeySet, Status, open_command, parse, response
from simulators.sim_card.crypto_script import run
from simulators.sim_card.crypto_sms import NotAPacket, short_message
from simulators.sim_card.secured import COUNTER_MAX, Domain, envelope
from tests.unit.sim_crypto.crypto_card import DES_KIC, DES_KID, KIC, KID, SmallCard, Store, read, select, update

MANY = settings(max_examples=2000, deadline=None)
VECTORS = json.loads(Path("tests/vectors/sim_crypto/scp80.json").read_text(encoding="utf-8"))
IMSI = bytes.fromhex("084906001121223343")
WRITE = (select(0x6F07), update(IMSI), read(9))


def sender(counter: int = 0, **options: Any) -> Scp80Sender:
    return Scp80Sender(KIC, KID, counter, **options)


def sent(card: SmallCard, data: bytes) -> tuple[bytes, int]:
    answer = envelope(card, data)
    assert answer is not None
    return answer


@pytest.mark.parametrize("row", VECTORS["vectors"], ids=lambda row: f"{row['algorithm']}-{row['spi']}")
def test_packet_and_proof_are_those_of_a_real_card(row: dict[str, Any]) -> None:
    kic, kid, command, proof = (bytes.fromhex(row[name]) for name in ("kic", "kid", "command", "response"))
    script, result = bytes.fromhex(VECTORS["script"]), bytes.fromhex(VECTORS["result"])
    keys = KeySet(kic, kid, row["algorithm"])
    parsed = parse(command)
    opened = open_command(parsed, keys)
    assert (opened.counter, opened.data, parsed.tar.hex()) == (0, script, VECTORS["tar"])
    assert response(parsed, keys, 0, Status.OK, result) == proof
    centre = Scp80Sender(kic, kid, version=row["version"], algorithm=row["algorithm"], spi=bytes.fromhex(row["spi"]))
    assert centre.secure(script) == command
    told = centre.check(proof)
    assert (told.status, told.commands, told.sw, told.done) == ("ok", 1, 0x6132, True)


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("options", [{}, {"checksum": 4}, {"algorithm": TRIPLE_DES, "version": 3}], ids=str)
def test_packet_writes_and_reads_back_without_a_key_at_the_terminal(options: dict[str, Any], *, expanded: bool) -> None:
    keys = (DES_KIC, DES_KID) if "version" in options else (KIC, KID)
    card, centre = SmallCard(), Scp80Sender(*keys, 41, **options)
    answer, sw = sent(card, centre.packet(WRITE, expanded=expanded))
    proof = centre.check(answer)
    assert (sw, proof.done, proof.counter, proof.commands, proof.sw, proof.data) == (0x9000, True, 42, 3, 0x9000, IMSI)
    assert card.files[0x6F07] == IMSI


def test_command_around_a_packet_is_one_envelope_of_about_150_bytes() -> None:
    command = sender().command(sender().packet(WRITE))
    assert command[:4].hex() == "80c20000"
    assert command[4] == len(command) - 5 <= 150


def test_packet_replayed_is_6200_and_writes_nothing() -> None:
    card, centre = SmallCard(), sender()
    first = centre.packet(WRITE)
    sent(card, first)
    again = SmallCard(files=card.files, memory=Store(dict(card.memory.numbers)))
    updates = again.updates
    assert sent(again, first) == (b"", 0x6200)
    assert sent(again, sender().packet(WRITE)) == (b"", 0x6200)
    assert again.updates == updates
    assert sent(again, centre.packet(WRITE))[1] == 0x9000


def test_counter_is_stored_before_the_script_runs() -> None:
    class Cut(Exception):
        pass

    class Torn(SmallCard):
        def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:  # noqa: ARG002  # cut at the first one
            raise Cut

    card, packet = Torn(), sender(6).packet(WRITE)
    with pytest.raises(Cut):
        envelope(card, packet)
    assert card.memory.numbers == {"scp80.1": 7}


def test_packet_with_any_bit_of_the_secured_part_flipped_writes_nothing() -> None:
    packet = sender().packet(WRITE)
    start = packet.index(bytes.fromhex("027000")) + 3
    card = SmallCard()
    for bit in range(start * 8, len(packet) * 8):
        changed = bytearray(packet)
        changed[bit // 8] ^= 1 << bit % 8
        answer = envelope(card, bytes(changed))
        assert answer is not None
        if answer[0]:
            centre = sender()
            centre.packet(WRITE)
            with pytest.raises(ProofRefused):
                centre.check(answer[0])
    assert (card.updates, card.memory.numbers) == (0, {})
    assert sent(card, packet)[1] == 0x9000


def test_proof_with_any_bit_flipped_or_cut_proves_nothing() -> None:
    card, centre = SmallCard(), sender()
    proof = sent(card, centre.packet(WRITE))[0]
    for bit in range(len(proof) * 8):
        changed = bytearray(proof)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProofRefused):
            centre.check(bytes(changed))
    for cut in range(len(proof)):
        with pytest.raises(ProofRefused):
            centre.check(proof[:cut])
    assert centre.check(proof).done


def test_proof_of_an_earlier_packet_is_refused() -> None:
    card, centre = SmallCard(), sender()
    first = sent(card, centre.packet(WRITE))[0]
    centre.packet(WRITE)
    with pytest.raises(ProofRefused, match="other_packet"):
        centre.check(first)


def test_packet_under_other_keys_gets_a_bare_status() -> None:
    card, stranger = SmallCard(), Scp80Sender(KID, KIC)
    answer, sw = sent(card, stranger.packet(WRITE))
    assert (answer.hex(), sw) == ("027100000b0ab0001100000000000001", 0x9000)
    with pytest.raises(ProofRefused, match="check_failed"):
        stranger.check(answer)
    assert card.updates == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"spi": bytes.fromhex("0619")}, "too_little_security"),
        ({"spi": bytes.fromhex("1219")}, "too_little_security"),
        ({"spi": bytes.fromhex("1419")}, "too_little_security"),
        ({"spi": bytes.fromhex("0019")}, "too_little_security"),
        ({"version": 2}, "security_error"),
        ({"version": 3}, "security_error"),
        ({"spi": bytes.fromhex("1659")}, None),
    ],
)
def test_packet_below_the_domains_security_is_refused(options: dict[str, Any], reason: str | None) -> None:
    card, centre = SmallCard(), sender(**options)
    answer, _ = sent(card, centre.packet(WRITE))
    if reason is not None:
        with pytest.raises(ProofRefused, match=reason):
            centre.check(answer)
        assert card.updates == 0
    else:
        assert centre.check(answer).done


def test_packet_for_an_unknown_application_is_refused() -> None:
    centre = sender()
    answer, _ = sent(SmallCard(), centre.packet(WRITE, tar=b"\xbf\xff\x01"))
    with pytest.raises(ProofRefused, match="tar_unknown"):
        centre.check(answer)


def by_message(tpdus: list[bytes], address: str) -> bytes:
    """Return the Response Packet of a card's own SMS-SUBMITs as an answer to an ENVELOPE would have it."""
    packet, front = b"", bytes.fromhex("4100" + address + "00F6")
    for number, tpdu in enumerate(tpdus, 1):
        data = tpdu[len(front) + 1 :]
        assert (tpdu[: len(front)], tpdu[len(front)]) == (front, len(data))
        assert len(data) <= 140
        header, rest = data[1 : 1 + data[0]], data[1 + data[0] :]
        expected = b"" if len(tpdus) == 1 else bytes([0, 3, 1, len(tpdus), number])
        assert header == expected + (b"\x71\x00" if number == 1 else b"")
        packet += rest
    return bytes.fromhex("027100") + packet


@pytest.mark.parametrize(("size", "messages"), [(9, 1), (200, 2)])
def test_proof_asked_for_by_message_is_sent_by_the_card_to_who_sent_the_packet(size: int, messages: int) -> None:
    card, centre = SmallCard(), sender(spi=bytes.fromhex("1639"))
    packet = centre.packet((select(0x6F60), read(size)))
    assert sent(card, packet) == (b"", 0x9000)
    assert len(card.messages) == messages
    assert centre.check(by_message(card.messages, "04810160")).data == b"\xff" * size


@pytest.mark.parametrize(("tar", "application"), [("B00000", ""), ("B00010", ""), ("B00011", "USIM")])
def test_script_begins_where_its_application_stands(tar: str, application: str) -> None:
    card, centre = SmallCard(), sender()
    sent(card, centre.packet(WRITE, tar=bytes.fromhex(tar)))
    assert card.opened == [application]


def test_script_may_not_select_by_name() -> None:
    assert run(bytes.fromhex("00A4040C07A0000000871002"), SmallCard().run_apdu).hex() == "016a86"


def test_packet_that_wants_no_proof_is_carried_out_in_silence() -> None:
    card = SmallCard()
    assert sent(card, sender(spi=bytes.fromhex("1600")).packet(WRITE)) == (b"", 0x9000)
    assert card.files[0x6F07] == IMSI
    assert sent(card, Scp80Sender(KID, KIC, 5, spi=bytes.fromhex("1600")).packet(WRITE)) == (b"", 0x6200)
    assert sent(card, sender(7, spi=bytes.fromhex("161A")).packet(WRITE)) == (b"", 0x9000)


def test_counter_one_higher_refuses_a_gap_and_the_last_value_is_never_used() -> None:
    card, centre = SmallCard(), sender(spi=bytes.fromhex("1E19"))
    assert centre.check(sent(card, centre.packet(WRITE))[0]).done
    centre.counter += 1
    gap = centre.check(sent(card, centre.packet(WRITE))[0])
    assert (gap.status, gap.done, card.updates) == ("counter_high", False, 1)
    last = sender(COUNTER_MAX - 1)
    assert last.check(sent(card, last.packet(WRITE))[0]).status == "counter_blocked"
    assert card.memory.numbers == {"scp80.1": 1}


def test_domain_that_asks_less_takes_a_packet_without_counter() -> None:
    card = SmallCard(domain=Domain({1: KeySet(KIC, KID)}, minimum=0x06))
    for updates in (1, 2):
        centre = sender(40, spi=bytes.fromhex("0619"))
        proof = centre.check(sent(card, centre.packet(WRITE))[0])
        assert (proof.done, proof.counter, card.updates) == (True, 0, updates)
    assert card.memory.numbers == {}


def test_script_stops_at_the_first_failure_and_says_where() -> None:
    card, centre = SmallCard(), sender()
    proof = centre.check(sent(card, centre.packet((select(0x6F07), select(0x6F99), update(IMSI))))[0])
    assert (proof.commands, proof.sw, proof.done, card.updates) == (2, 0x6A82, False, 0)
    expanded = centre.check(sent(card, centre.packet((select(0x6F07), select(0x6F99), update(IMSI)), expanded=True))[0])
    assert (expanded.commands, expanded.sw, card.updates) == (2, 0x6A82, 0)


def test_script_longer_than_a_message_is_joined_from_parts_in_any_order() -> None:
    commands = (select(0x6F60), update(bytes(range(200))), read(200))
    card, centre = SmallCard(), sender()
    first, second = centre.packets(commands)
    assert sent(card, second) == (b"", 0x9000)
    assert card.updates == 0
    proof = centre.check(sent(card, first)[0])
    assert (proof.done, proof.data, card.message_parts) == (True, bytes(range(200)), {})
    stale, _ = centre.packets(commands)
    sent(card, stale)
    fresh = centre.packets(commands)
    assert [sw for _, sw in (sent(card, part) for part in fresh)] == [0x9000, 0x9000]
    assert card.updates == 2


def test_script_answer_that_does_not_fit_is_cut_and_says_so() -> None:
    card = SmallCard()
    compact = run(select(0x6F60) + read(250), card.run_apdu)
    assert (compact[:3].hex(), len(compact)) == ("0262f1", 211)
    expanded = bytes.fromhex("AA0E2207") + select(0x6F60) + bytes.fromhex("2205") + read(250)
    expanded = b"\xaa" + bytes([len(expanded) - 2]) + expanded[2:]
    assert run(expanded, card.run_apdu)[-2:].hex() == "62f1"


def test_script_of_the_compact_format_fetches_what_a_select_gives() -> None:
    card = SmallCard()
    with_template = bytes.fromhex("00A40004023F00")
    assert run(with_template, card.run_apdu).hex() == "016132"
    assert run(with_template + bytes.fromhex("00C0000032"), card.run_apdu) == bytes.fromhex("029000") + bytes(0x32)
    assert run(with_template + b"\x00", card.run_apdu) == bytes.fromhex("019000") + bytes(0x32)
    assert run(select(0x6F07) + read(0), card.run_apdu).hex() == "029000" + "ff" * 9


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("", "009000"),
        ("00A4", "016700"),
        ("00D600000501", "016700"),
        ("0088008100", "016d00"),
        ("80C2000000", "016d00"),
        ("8482000000", "016e00"),
        ("AA0722050088008100", "ab07800101" + "23026d00"),
        ("AE80220700A4000C026F070000", "af80230290000000"),
        ("AE802207", "af809001020000"),
        ("AA80", "ab06800100900102"),
        ("AA03810101", "ab06800100900101"),
        ("AA05220300A400", "ab0780010123026700"),
    ],
)
def test_script_that_is_none_is_answered_in_its_format(script: str, answer: str) -> None:
    assert run(bytes.fromhex(script), SmallCard().run_apdu).hex() == answer


def test_envelope_of_another_kind_is_not_ours() -> None:
    assert envelope(SmallCard(), bytes.fromhex("D30782020181900101")) is None
    assert envelope(SmallCard(), b"") is None


def test_envelope_with_a_plain_message_or_without_a_domain_does_nothing() -> None:
    plain = bytes.fromhex("D11B 82028381 860381016 08B 10 00 04810160 7FF6 00000000000000 01 41".replace(" ", ""))
    plain = plain[:1] + bytes([len(plain) - 2]) + plain[2:]
    assert sent(SmallCard(), plain) == (b"", 0x9000)
    assert sent(SmallCard(domain=None), sender().packet(WRITE)) == (b"", 0x9000)


@MANY
@given(st.binary(max_size=300), st.integers(0, 255))
def test_envelope_of_noise_answers_and_writes_nothing(noise: bytes, tag: int) -> None:
    card = SmallCard()
    packet = sender().packet(WRITE)
    start = packet.index(bytes.fromhex("027000")) + 3
    secured = len(noise).to_bytes(2, "big") + noise
    for data in (
        noise,
        b"\xd1" + noise,
        bytes([tag]) + packet[1:],
        packet[:start] + noise[: len(packet) - start],
        _wrapped(noise),
        _wrapped(secured),
    ):
        answer = envelope(card, data)
        assert answer is None or 0 <= answer[1] <= 0xFFFF
    assert (card.updates, [key for key in card.memory.numbers if key != "scp80.1"]) in ((0, []), (1, []))


def _wrapped(data: bytes) -> bytes:
    """One whole short message with ``data`` where the Command Packet should be."""
    tpdu = bytes.fromhex("40048101607FF600000000000000") + bytes([3 + len(data[:137])]) + bytes.fromhex("027000") + data[:137]
    length = bytes([len(tpdu)]) if len(tpdu) < 128 else bytes([0x81, len(tpdu)])
    inner = bytes.fromhex("82028381") + b"\x8b" + length + tpdu
    return b"\xd1" + (bytes([len(inner)]) if len(inner) < 128 else bytes([0x81, len(inner)])) + inner


@MANY
@given(st.integers(0, 1200), st.binary(min_size=1, max_size=3))
def test_envelope_overwritten_anywhere_answers_and_writes_only_the_packet(at: int, noise: bytes) -> None:
    packet = sender().packet(WRITE)
    at %= len(packet)
    card = SmallCard()
    envelope(card, packet[:at] + noise + packet[at + len(noise) :])
    assert card.files[0x6F07] in (IMSI, b"\xff" * 9)
    envelope(card, packet[:at])
    try:
        short_message(packet[:at] + noise)
    except NotAPacket:
        return


@MANY
@given(st.binary(max_size=260))
def test_script_of_noise_answers_within_bounds(script: bytes) -> None:
    for data in (script, b"\xaa" + bytes([min(len(script), 127)]) + script[:127], b"\xae\x80" + script + b"\0\0"):
        assert 3 <= len(run(data, SmallCard().run_apdu)) <= 212


@MANY
@given(st.binary(max_size=300))
def test_proof_of_noise_is_refused(noise: bytes) -> None:
    centre = sender()
    centre.packet(WRITE)
    framed = bytes.fromhex("027100") + (len(noise) + 4).to_bytes(2, "big") + bytes.fromhex("12B00011") + noise
    for data in (noise, framed, framed[:5] + noise):
        with pytest.raises(ProofRefused):
            centre.check(data)
