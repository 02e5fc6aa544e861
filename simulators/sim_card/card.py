# SPDX-License-Identifier: Apache-2.0
"""The simulated UICC, ETSI TS 102 221 §10 and §11, at T=0: commands in, response bytes and status word out.

Decides which command is carried out and how its answer leaves the card; what each one does is in the modules it names. Rules:

1. T=0 (§7.3.1.1): a command with data answers 61xx when a response waits, fetched by GET RESPONSE at once or lost; a wrong Le answers
   6Cxx and does nothing.
2. Every power-up or reset: MF current, no file selected, nothing verified.
3. Classes 00 and 80 on any open channel; A0 where the model has a 2G side; secure messaging 6882, the rest 6E00.

Knows nothing of the wire, faults or what personas are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card import administration, channels, contents, pins, scp03, second_generation, selection, toolkit, unlock
from simulators.sim_card.apdu import Command, Refused, exact, parse
from simulators.sim_card.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.sim_card.crypto_sms import Part
    from simulators.sim_card.description import KeyPlace
    from simulators.sim_card.files import Directory, File
    from simulators.sim_card.memory import Memory
    from simulators.sim_card.personas import Persona
    from simulators.sim_card.secured import Domain

    Handler = Callable[["Card", Command], bytes]

GET_RESPONSE = 0xC0
GSM = 0xA0


def _get_response(card: Card, command: Command) -> bytes:
    """GET RESPONSE, §7.4.2.1: what waits, in one piece or several."""
    session = card.session
    if command.p1 or command.p2:
        raise Refused(0x6A86)
    if not session.response:
        raise Refused(0x6985)
    data = exact(session.response[:256], command.expected, shorter=True)
    session.response = session.response[len(data) :]
    if not session.response and session.response_sw != 0x9000:
        raise Refused(session.response_sw, data)
    return data


COMMANDS: dict[tuple[int, int], Handler] = {
    (0x00, 0xA4): selection.select, (0x80, 0xF2): selection.status, (0x00, 0xC0): _get_response,
    (0x00, 0xB0): contents.read_binary, (0x00, 0xD6): contents.update_binary,
    (0x00, 0xB2): contents.read_record, (0x00, 0xDC): contents.update_record,
    (0x00, 0xA2): contents.search_record, (0x80, 0x32): contents.increase,
    (0x00, 0x04): contents.deactivate, (0x00, 0x44): contents.activate,
    (0x00, 0x20): pins.verify, (0x00, 0x24): pins.change, (0x00, 0x26): pins.disable, (0x00, 0x28): pins.enable,
    (0x00, 0x2C): pins.unblock, (0x00, 0x88): toolkit.authenticate, (0x00, 0x84): unlock.get_challenge,
    (0x00, 0x82): unlock.external_authenticate, (0x00, 0xCA): toolkit.get_data, (0x80, 0xCA): toolkit.get_data,
    (0x80, 0x10): toolkit.terminal_profile, (0x80, 0x12): toolkit.fetch, (0x80, 0x14): toolkit.terminal_response,
    (0x80, 0xC2): toolkit.envelope, (0x80, 0xAA): toolkit.terminal_capability,
    (0x00, 0x70): channels.manage, (0x00, 0xE0): administration.create, (0x00, 0xE4): administration.delete,
    (0x80, 0xD4): administration.resize,
}  # fmt: skip
"""Class and instruction → what carries it out, TS 102 221 table 10.5 and TS 102 222 table 1."""
INSTRUCTIONS = frozenset(ins for _, ins in COMMANDS)


class Card:
    """One card: volatile state in ``session``, everything else in ``memory``."""

    def __init__(self, persona: Persona, memory: Memory) -> None:
        self.persona, self.memory = persona, memory
        self.pins = pins.Pins(persona.model.keys, memory)
        self.counters = {"apdus": 0, "updates": 0, "verifies": 0, "power_ups": 0}
        self.torn = ""
        """What the next update leaves: ``old``, ``half``, ``new``; empty: it is carried out."""
        self.marks_torn = False
        """A half update is remembered by the card, and reading the file warns with 6281."""
        self.channel = scp03.Channel(persona.model.channel)
        self.message_parts: dict[int, Part] = {}
        self._arrange()
        self._reset()

    # ---- life

    def power_up(self) -> None:
        """Cold or warm reset."""
        self.counters["power_ups"] += 1
        self._reset()

    def _reset(self) -> None:
        self.basic = self.session = Session(self.mf)
        self.channels = channels.Channels(self.basic)
        self.channel.close()
        self.message_parts.clear()
        self.open_domain()

    def open_domain(self, application: str = "") -> None:
        """Let the security domain's own session begin: in the application of that label, or in the MF."""
        self._domain_session = session = Session(self.mf, trusted=True)
        opened = next((directory for directory in self.mf.directories if application and directory.label == application), None)
        if opened:
            session.application = opened
            session.go(opened)

    def send_message(self, tpdu: bytes) -> None:
        """Have the terminal send a short message, as soon as it fetches."""
        self.basic.proactive.append(toolkit.send_short_message(tpdu))

    # ---- commands

    def process(self, apdu: bytes) -> bytes:
        """Carry out one command; returns response data and status word, 2 bytes at least. Raises nothing."""
        self.counters["apdus"] += 1
        if apdu[:2] == b"\x80\x50":
            self.open_domain()  # a secure channel begins
        answer = self.channel.process(self, apdu)
        if answer is None:
            return self._on_its_channel(apdu)
        self.session = self.basic
        self.session.response = b""
        return self._finished(lambda: toolkit.outcome(self, *answer))

    def _on_its_channel(self, apdu: bytes) -> bytes:
        if not self.persona.model.uicc:
            return self._carry_out(apdu)
        try:
            self.session = self.channels.enter(apdu[0] if apdu else 0)
        except Refused as refused:
            return refused.sw.to_bytes(2, "big")
        return self._carry_out(bytes([apdu[0] & ~channels.LAST]) + apdu[1:] if self.channels.here else apdu)

    def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:
        """Carry out one command with the security domain's rights and selection; returns (response data, status word)."""
        terminal, self.session = self.session, self._domain_session
        try:
            answer = self._carry_out(apdu)
        finally:
            self.session = terminal
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def _carry_out(self, apdu: bytes) -> bytes:
        self.basic.answered = False
        if len(apdu) < 2 or apdu[1] != GET_RESPONSE:
            self.session.response = b""
        if apdu[:1] == bytes([GSM]) and self.persona.model.second_generation:
            return second_generation.process(self, apdu)
        if not self.persona.model.uicc:
            return b"\x6e\x00"
        return self._finished(lambda: self._dispatch(parse(apdu)))

    def _dispatch(self, command: Command) -> bytes:
        return self._handler(command)(self, command)

    def _finished(self, carry_out: Callable[[], bytes]) -> bytes:
        """Return what a command ends with: its data and 9000, 91xx, 61xx or the word it was refused with."""
        try:
            data = carry_out()
        except Refused as refused:
            return refused.data + refused.sw.to_bytes(2, "big")
        return data + self.success(0x61).to_bytes(2, "big")

    def success(self, waiting: int) -> int:
        """Return the status word of success; ``waiting`` is the first byte of the one that tells of a waiting response."""
        session = self.session
        if session.response:
            return waiting << 8 | min(len(session.response), 0xFF)
        proactive = b"" if session.trusted else toolkit.pending(self)
        return 0x9100 | len(proactive) if proactive else 0x9000

    def _handler(self, command: Command) -> Handler:
        cla, ins, told = command.cla, command.ins, self.persona.model.behaviour.key_command
        if told and (cla, ins) == (0x80, told.ins) and command.p1:
            return toolkit.store_key
        if cla in (0x04, 0x08, 0x0C, 0x84, 0x88, 0x8C) and ins != GET_RESPONSE:
            raise Refused(0x6882)
        if ins == GET_RESPONSE and cla in (0x00, 0x80, 0x04, 0x84):
            return _get_response
        if (cla, ins) in COMMANDS:
            return COMMANDS[cla, ins]
        raise Refused(0x6E00 if cla not in (0x00, 0x80) or ins in INSTRUCTIONS else 0x6D00)

    # ---- files

    def _arrange(self) -> None:
        self.mf = administration.arranged(self.persona.tree(), self.memory)
        self._files = dict(self.mf.all_files())
        self._parents = {below.path: directory for directory in self.mf.all_directories() for below in directory.directories}

    def rearrange(self) -> None:
        """Take up what was changed of the file system; every channel stays where it stood."""
        self._arrange()
        directories = {directory.path: directory for directory in self.mf.all_directories()}
        for session in (*self.channels.open.values(), self._domain_session):
            session.settle(directories)

    @property
    def free(self) -> int:
        """Bytes left for files."""
        return administration.free(self)

    def parent(self, directory: Directory) -> Directory | None:
        """Return the directory above, none above the MF."""
        return self._parents.get(directory.path)

    def active(self, file: File) -> bool:
        """Whether the file may be used."""
        return file.place not in self.memory.fact("inactive", [])

    def set_active(self, file: File, *, active: bool) -> None:
        """Activate or deactivate the file, for good."""
        others = [place for place in self.memory.fact("inactive", []) if place != file.place]
        self.memory.keep(inactive=others if active else [*others, file.place])

    def update(self, place: str, offset: int, data: bytes) -> None:
        """Write content; the next one may be torn by a fault."""
        half = [other for other in self.memory.fact("half", []) if other != place]
        marked = [*half, place] if self.torn == "half" and self.marks_torn else half
        self.memory.update(place, offset, data, torn=self.torn, half=marked)
        self.torn = ""
        self.counters["updates"] += 1

    def content(self, path: str) -> bytes:
        """Return what the file at ``path`` holds, records joined; raises ``KeyError``."""
        return self.memory.contents[self._files[path].place]

    # ---- keys of the subscriber and of remote management

    @property
    def subscriber_keys(self) -> tuple[bytes, bytes] | None:
        """(K, OPc), 16 bytes each, from where this model keeps them; None before they are in."""
        behaviour = self.persona.model.behaviour
        if behaviour.k_place and behaviour.opc_place:
            return self._at(behaviour.k_place), self._at(behaviour.opc_place)
        if behaviour.key_command:
            k, opc = self.memory.fact("k"), self.memory.fact("opc")
            return (bytes.fromhex(k), bytes.fromhex(opc)) if k and opc else None
        return behaviour.k, behaviour.opc

    def _at(self, place: KeyPlace) -> bytes:
        return self.content(place.path)[place.offset : place.offset + 16]

    @property
    def domain(self) -> Domain | None:
        """The security domain of secured packets, if the model has one."""
        return self.persona.model.domain
