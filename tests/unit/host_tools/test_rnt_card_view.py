# SPDX-License-Identifier: Apache-2.0
"""What ``rnt card`` shows of APDUs: names of files, and never a key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.deadline import Deadline
from hal.sim_card import commands
from host_tools.rnt.card.known_files import FILES, Content
from host_tools.rnt.card.view import Viewer, harmless
from host_tools.rnt.card.wire import Exchange, Rehearsal, Untouched, Watched

MANY = settings(max_examples=2000, deadline=None)
SOON = Deadline.after(3600)
KEY = bytes.fromhex("A1B2C3D4E5F60718")
AID = bytes.fromhex("A0000000871002")
CONTENT = bytes.fromhex("0123456789ABCDEF")


class Told:
    """A card that answers 9000 and keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.sent.append(command)
        return b"", 0x9000


def in_usim(viewer: Viewer, *selections: bytes) -> Viewer:
    for selection in (commands.select_aid(AID), *selections):
        viewer.command(selection)
        viewer.answer(b"", 0x9000)
    return viewer


@pytest.mark.parametrize("file", [file for file in FILES if file.sfi], ids=lambda file: file.path)
def test_file_addressed_by_its_short_identifier_is_named_and_blanked_by_its_kind(file: object) -> None:
    found = next(known for known in FILES if known is file)
    below = [commands.select_fid(0x5FC0)] if found.directory == "DF.5GS" else []
    viewer = in_usim(Viewer(), *below) if found.directory != "MF" else Viewer()
    shown = viewer.command(commands.update_binary(found.sfi, CONTENT))
    assert shown.target == found.path
    assert (CONTENT.hex().upper() in shown.apdu) == (found.content is Content.OPEN)
    assert (CONTENT.hex().upper() in viewer.answer(CONTENT, 0x9000)) == (found.content is Content.OPEN)


@pytest.mark.parametrize("file", [file for file in FILES if file.directory == "ADF.USIM"], ids=lambda file: file.path)
def test_selected_file_is_named_and_personal_ones_are_shown_on_request(file: object) -> None:
    found = next(known for known in FILES if known is file)
    viewer = in_usim(Viewer(personal=True), commands.select_fid(found.fid))
    viewer.command(commands.read_record(0, 1, 8))
    assert (CONTENT.hex().upper() in viewer.answer(CONTENT, 0x9000)) == (found.content is not Content.KEY)


def test_key_presented_is_blanked_and_its_reference_named() -> None:
    shown = Viewer().command(commands.verify(0x0A, KEY))
    assert (shown.name, shown.target, shown.apdu) == ("VERIFY", "key 0A", "0020000A08[8 blanked]")
    assert Viewer().command(commands.ask_tries(0x0A)).target == "key 0A, tries left"


def test_file_without_a_name_is_blanked_both_ways() -> None:
    viewer = in_usim(Viewer(personal=True), commands.select_fid(0x6FF7))
    shown = viewer.command(commands.update_binary(0, CONTENT))
    assert (shown.target, shown.apdu) == ("ADF.USIM/6FF7", "00D6000008[8 blanked]")
    viewer.command(commands.read_binary(0, 8))
    assert viewer.answer(CONTENT, 0x9000) == "[8 blanked] 9000"


def test_file_below_an_unknown_directory_is_not_taken_for_one_of_the_same_number() -> None:
    viewer = in_usim(Viewer(), commands.select_fid(0x5F70), commands.select_fid(0x6F46))
    viewer.command(commands.read_binary(0, 8))
    assert viewer.answer(CONTENT, 0x9000) == "[8 blanked] 9000"


def test_file_selected_by_its_path_is_named() -> None:
    viewer = in_usim(Viewer())
    assert viewer.command(commands.select_path((0x2FE2,))).target == "MF/ICCID"
    assert viewer.command(commands.select_path((0x7F10, 0x6F40))).target == "DF.TELECOM/6F40"


def test_makers_command_is_blanked_whatever_its_instruction() -> None:
    shown = Viewer(personal=True).command(bytes.fromhex("80B0820008") + CONTENT)
    assert (shown.name, shown.apdu) == ("80 B0", "80B0820008[8 blanked]")


def test_refused_selection_leaves_no_file_to_show() -> None:
    """Otherwise the key file still selected would be shown under the other's name."""
    viewer = in_usim(Viewer(), commands.select_fid(0x6F08))
    viewer.command(commands.select_fid(0x6F46))
    viewer.answer(b"", 0x6A82)
    viewer.command(commands.read_binary(0, 8))
    assert viewer.answer(CONTENT, 0x9000) == "[8 blanked] 9000"


def test_answers_of_instructions_without_a_file_are_blanked() -> None:
    viewer = in_usim(Viewer())
    for command in ("0088008122" + "10" + "11" * 16 + "10" + "22" * 16, "80C2000004D1020101", "8012000008"):
        shown = viewer.command(bytes.fromhex(command))
        assert shown.apdu.startswith(command[:10])
        assert "1111" not in shown.apdu
        assert CONTENT.hex().upper() not in viewer.answer(CONTENT, 0x9000)
        viewer.command(commands.get_response(0, 8))
        assert CONTENT.hex().upper() not in viewer.answer(CONTENT, 0x9000)


@pytest.mark.slow
@MANY
@given(st.lists(st.tuples(st.sampled_from([0, 0x80, 0xA0]), st.binary(min_size=4, max_size=12), st.booleans()), max_size=8))
def test_named_secret_appears_nowhere_whatever_is_sent(drawn: list[tuple[int, bytes, bool]]) -> None:
    viewer = Viewer([KEY], personal=True)
    for cla, rest, success in drawn:
        shown = viewer.command(bytes([cla]) + rest + KEY)
        told = shown.apdu + shown.name + shown.target + viewer.answer(rest + KEY, 0x9000 if success else 0x6A82)
        assert KEY.hex().upper() not in told


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (commands.select_fid(0x6F07), True),
        (commands.read_binary(7, 9), True),
        (commands.ask_tries(0x0A), True),
        (commands.verify(0x0A, KEY), False),
        (bytes.fromhex("0020000108") + bytes(8), False),
        (commands.update_binary(7, b"\0"), False),
        (commands.update_record(0, 1, b"\0"), False),
        (bytes.fromhex("80C2000000"), False),
        (bytes.fromhex("0032000003000001"), False),
        (bytes.fromhex("80D6000000"), False),
        (bytes.fromhex("80B0000000"), False),
        (bytes.fromhex("80F2000000"), True),
        (bytes.fromhex("80C0000000"), True),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_command_is_harmless_only_when_it_leaves_the_card_as_it_was(command: bytes, *, expected: bool) -> None:
    assert harmless(command) is expected


def test_rehearsal_sends_nothing_that_writes_and_untouched_refuses_it() -> None:
    card, told = Told(), list[Exchange]()
    rehearsal = Watched(Rehearsal(card), Viewer(), told.append)
    for command in (commands.select_fid(0x6F46), commands.verify(0x0A, KEY), commands.update_binary(0, CONTENT)):
        assert rehearsal.transmit(command, SOON) == (b"", 0x9000)
    assert card.sent == [commands.select_fid(0x6F46)]
    assert ([one.changes for one in told], rehearsal.updates) == ([False, True, True], 1)
    with pytest.raises(RuntimeError):
        Untouched(card).transmit(commands.update_binary(0, CONTENT), SOON)
    assert len(card.sent) == 1
