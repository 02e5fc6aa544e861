# SPDX-License-Identifier: Apache-2.0
"""The secure channel: a real card's bytes, host against card at every level, order, tampering, noise."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.backend.card_crypto import ChannelFailed, Relay, Scp03Host, Scp03Keys
from simulators.sim_card.scp03 import LEVELS, Channel, Keys
from tests.unit.sim_crypto.crypto_card import SmallCard, Store, read, select, update

MANY = settings(max_examples=2000, deadline=None)
VECTORS = json.loads(Path("tests/vectors/sim_crypto/scp03.json").read_text(encoding="utf-8"))
ENC, MAC, CHALLENGE = bytes(range(16)), bytes(range(16, 32)), bytes.fromhex("0102030405060708")
IMSI = bytes.fromhex("084906001121223343")
WRITE = (select(0x6F07), update(IMSI), read(9))
OK = b"\x90\x00"


def host(level: int = 0x33, *, mac: bytes = MAC) -> Scp03Host:
    return Scp03Host(Scp03Keys(ENC, mac), CHALLENGE, level)


def channel() -> Channel:
    return Channel(Keys(ENC, MAC))


def answer(end: Channel, card: SmallCard, apdu: bytes) -> bytes:
    given_ = end.process(card, apdu)
    assert given_ is not None
    return given_[0] + given_[1].to_bytes(2, "big")


def opened(level: int = 0x33) -> tuple[Scp03Host, Channel, SmallCard]:
    centre, end, card = host(level), channel(), SmallCard()
    authenticate = centre.external_authenticate(answer(end, card, centre.initialize_update()))
    centre.authenticated(answer(end, card, authenticate))
    return centre, end, card


@pytest.mark.parametrize("row", VECTORS["vectors"], ids=lambda row: f"{len(row['enc']) * 4}-{row['level']:02x}")
def test_session_is_that_of_a_real_card(row: dict[str, Any]) -> None:
    enc, mac, reply = bytes.fromhex(row["enc"]), bytes.fromhex(row["mac"]), bytes.fromhex(VECTORS["reply"])
    initialized = bytes.fromhex(row["initialized"])

    class Echo(SmallCard):
        def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:  # noqa: ARG002  # always the same
            return reply, 0x9000

    card = Echo(memory=Store({f"scp03.{row['version']}": int.from_bytes(initialized[-3:], "big") - 1}))
    end = Channel(Keys(enc, mac, row["version"], aid=bytes.fromhex(VECTORS["aid"])))
    centre = Scp03Host(Scp03Keys(enc, mac, row["version"]), bytes.fromhex(row["initialize_update"])[5:13], row["level"])
    assert centre.initialize_update().hex() == row["initialize_update"]
    assert answer(end, card, centre.initialize_update()) == initialized + OK
    assert centre.external_authenticate(initialized + OK).hex() == row["external_authenticate"]
    centre.authenticated(answer(end, card, bytes.fromhex(row["external_authenticate"])))
    for number, (plain, wrapped) in enumerate(zip(VECTORS["plain"], row["wrapped"], strict=True)):
        assert centre.wrap(bytes.fromhex(plain)).hex() == wrapped
        response = answer(end, card, bytes.fromhex(wrapped))
        assert number or response.hex() == row["first_response"] + "9000"
        assert centre.unwrap(response) == (reply, 0x9000)


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_relay_writes_and_reads_back_at_every_level(level: int) -> None:
    end, card = channel(), SmallCard()
    relay = Relay(host(level), (*WRITE, bytes.fromhex("80E2900003010203")))
    apdu: bytes | None = relay.start()
    while apdu is not None:
        apdu = relay.then(answer(end, card, apdu))
    assert relay.results == [(b"", 0x9000), (b"", 0x9000), (IMSI, 0x9000), (b"\x03\x02\x01", 0x9000)]
    assert card.files[0x6F07] == IMSI


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_commands_wrapped_before_the_first_answer_are_answered_in_order(level: int) -> None:
    centre, end, card = opened(level)
    wrapped = [centre.wrap(command) for command in WRITE]
    answers = [answer(end, card, apdu) for apdu in wrapped]
    assert [centre.unwrap(one) for one in answers] == [(b"", 0x9000), (b"", 0x9000), (IMSI, 0x9000)]


def test_answers_in_another_order_end_the_channel() -> None:
    centre, end, card = opened()
    answers = [answer(end, card, apdu) for apdu in [centre.wrap(command) for command in WRITE]]
    with pytest.raises(ChannelFailed):
        centre.unwrap(answers[1])


def test_relay_fetches_what_the_terminal_left_and_stops_at_an_error() -> None:
    end, card = channel(), SmallCard()
    relay = Relay(host(), (select(0x6F99), *WRITE))
    waiting = answer(end, card, relay.start())
    fetch = relay.then(bytes([0x61, len(waiting) - 2]))
    assert fetch == bytes([0x00, 0xC0, 0x00, 0x00, len(waiting) - 2])
    assert end.process(card, fetch) is None
    apdu = relay.then(waiting)
    while apdu is not None:
        apdu = relay.then(answer(end, card, apdu))
    assert (relay.results, card.updates) == ([(b"", 0x6A82)], 0)


def test_channel_gives_a_response_that_waits_at_once() -> None:
    centre, end, card = opened()
    data, sw = centre.unwrap(answer(end, card, centre.wrap(bytes.fromhex("00A40004023F0000"))))
    assert (len(data), sw) == (0x32, 0x9000)
    centre.unwrap(answer(end, card, centre.wrap(select(0x6F07))))
    assert centre.unwrap(answer(end, card, centre.wrap(read(0)))) == (b"\xff" * 9, 0x9000)


def test_card_challenge_moves_with_each_session_and_outlives_power() -> None:
    _, _, card = opened()
    assert card.memory.numbers == {"scp03.48": 1}
    first = answer(channel(), SmallCard(), host().initialize_update())
    assert answer(channel(), SmallCard(memory=Store(card.memory.numbers)), host().initialize_update())[13:21] != first[13:21]
    assert answer(channel(), SmallCard(), host().initialize_update()) == first


def test_session_replayed_from_a_record_is_refused() -> None:
    end, card, centre = channel(), SmallCard(), host()
    record = [centre.initialize_update()]
    record.append(centre.external_authenticate(answer(end, card, record[0])))
    centre.authenticated(answer(end, card, record[1]))
    record += [centre.wrap(command) for command in WRITE]
    for apdu in record[2:]:
        answer(end, card, apdu)
    answer(end, card, record[0])
    assert [answer(end, card, apdu).hex() for apdu in record[1:]] == ["6300", "6982", "6982", "6982"]
    assert card.updates == 1


@pytest.mark.parametrize("level", [0x01, 0x33])
def test_wrapped_command_with_any_bit_flipped_closes_the_channel(level: int) -> None:
    probe = opened(level)[0].wrap(update(IMSI))
    for bit in range(len(probe) * 8):
        centre, end, card = opened(level)
        answer(end, card, centre.wrap(select(0x6F07)))
        good = centre.wrap(update(IMSI))
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        result = end.process(card, bytes(changed))
        assert result is None or result[1] in (0x6982, 0x6985, 0x6A88, 0x6700, 0x6A86)
        assert not end.open or changed[1] == 0xC0
        if not end.open:
            assert answer(end, card, good).hex() == "6982"
        assert card.updates == 0


def test_wrapped_command_repeated_or_out_of_order_closes_the_channel() -> None:
    centre, end, card = opened()
    commands = [centre.wrap(command) for command in WRITE]
    assert answer(end, card, commands[0])[-2:] == OK
    assert answer(end, card, commands[0]).hex() == "6982"
    assert answer(end, card, commands[1]).hex() == "6982"
    centre, end, card = opened()
    commands = [centre.wrap(command) for command in WRITE]
    assert answer(end, card, commands[1]).hex() == "6982"
    assert (end.open, card.updates) == (False, 0)


def test_plain_command_in_between_closes_the_channel_but_the_terminals_own_work_does_not() -> None:
    centre, end, card = opened()
    assert end.process(card, bytes.fromhex("00C0000010")) is None
    assert end.process(card, bytes.fromhex("84C0000010")) is None
    assert [end.process(card, bytes.fromhex(beside)) for beside in ("801200000B", "8014000001FF", "80F2000C00")] == [None] * 3
    assert end.open
    assert end.process(card, select(0x2FE2)) is None
    assert answer(end, card, centre.wrap(update(IMSI))).hex() == "6982"


def test_channel_closed_by_a_reset_forgets_its_keys() -> None:
    centre, end, card = opened()
    end.close()
    assert answer(end, card, centre.wrap(update(IMSI))).hex() == "6982"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("8050310008010203040506070800", "6a88"),
        ("8050300108010203040506070800", "6a88"),
        ("8050300007010203040506070800", "6700"),
        ("8482330010" + "00" * 16, "6985"),
        ("04D6000008" + "00" * 8, "6982"),
        ("84D60000", "6982"),
    ],
)
def test_channel_out_of_order_or_with_wrong_parameters_is_refused(apdu: str, sw: str) -> None:
    assert answer(channel(), SmallCard(), bytes.fromhex(apdu)).hex() == sw


@pytest.mark.parametrize("at", [2, 3, 4, 5, 13, 20])
def test_external_authenticate_changed_opens_nothing(at: int) -> None:
    centre, end, card = host(), channel(), SmallCard()
    changed = bytearray(centre.external_authenticate(answer(end, card, centre.initialize_update())))
    changed[at] ^= 0x01
    assert answer(end, card, bytes(changed)).hex() in ("6300", "6982", "6700", "6a86")
    assert not end.open
    assert answer(end, card, bytes.fromhex("848233001000")).hex() == "6985"
    assert card.memory.numbers == {}


def test_host_with_another_key_does_not_accept_the_card() -> None:
    stranger = host(mac=bytes(16))
    with pytest.raises(ChannelFailed, match="card_cryptogram"):
        stranger.external_authenticate(answer(channel(), SmallCard(), stranger.initialize_update()))
    with pytest.raises(ChannelFailed, match="refused"):
        host().external_authenticate(b"\x6a\x88")


def test_response_with_any_bit_flipped_is_not_believed() -> None:
    centre, end, card = opened()
    centre.unwrap(answer(end, card, centre.wrap(select(0x6F07))))
    good = answer(end, card, centre.wrap(read(9)))
    for bit in range((len(good) - 2) * 8):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ChannelFailed, match="response_mac"):
            centre.unwrap(bytes(changed))
    assert centre.unwrap(good) == (b"\xff" * 9, 0x9000)


def test_response_of_a_card_that_has_a_proactive_command_is_believed() -> None:
    end, card = channel(), SmallCard()
    relay = Relay(host(), WRITE)
    apdu: bytes | None = relay.start()
    while apdu is not None:
        apdu = relay.then(answer(end, card, apdu)[:-2] + b"\x91\x0b")
    assert relay.results == [(b"", 0x910B), (b"", 0x910B), (IMSI, 0x910B)]


def test_card_without_channel_keys_knows_no_such_command() -> None:
    assert Channel(None).process(SmallCard(), host().initialize_update()) is None


@MANY
@given(st.lists(st.binary(max_size=270), max_size=4), st.integers(0, 3))
def test_channel_of_noise_answers_and_writes_nothing(noise: list[bytes], state: int) -> None:
    centre, end, card = host(), channel(), SmallCard()
    if state:
        initialized = answer(end, card, centre.initialize_update())
        if state > 1:
            answer(end, card, centre.external_authenticate(initialized))
    for data in noise:
        for apdu in (data, b"\x84" + data, b"\x84\x82\x33\x00\x10" + data[:16], b"\x80\x50\x30\x00\x08" + data, b"\x04\xd6\0\0" + data):
            result = end.process(card, apdu)
            assert result is None or 0 <= result[1] <= 0xFFFF
    assert card.updates == 0


@pytest.mark.slow
@MANY
@given(st.binary(max_size=80))
def test_relay_of_noise_raises_only_its_own_error(noise: bytes) -> None:
    for steps in range(3):
        end, card, relay = channel(), SmallCard(), Relay(host(), WRITE)
        apdu: bytes | None = relay.start()
        for _ in range(steps):
            apdu = relay.then(answer(end, card, apdu or b""))
        for response in (noise, noise + OK):
            try:
                relay.then(response)
            except ChannelFailed:
                break
