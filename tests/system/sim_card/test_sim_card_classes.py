# SPDX-License-Identifier: Apache-2.0
"""Class 00 first, class A0 where the card refuses it: by its row, or as an unknown card that tells what was seen."""

import pytest

from hal.deadline import Deadline
from hal.sim_card.cards import CARD_TYPES
from hal.sim_card.errors import UnknownCard
from hal.sim_card.personalise import CardAtWork
from tests.system.sim_card.writer_bench import WriterBench, profile

DISGUISED = profile(adm_ref=4, hplmn_act=[], ehplmn=[])


def test_sim_card_that_looks_like_a_usim_and_is_none_is_written_in_class_a0() -> None:
    with WriterBench("--card", "sim-2g-disguised") as bench:
        iccid = bench.card.endpoints["iccid"]
        bench.worker.ok("await_card")
        found = bench.worker.ok("identify")
        assert (found["card_type"], found["iccid"], found["blank"]) == ("rnt-sim-2g-1", iccid, True)
        assert bench.worker.error("write", profile=profile(), expected_iccid=iccid) == ("profile_unfit", {"item": "HPLMNwAcT"})
        bench.worker.ok("write", profile=DISGUISED, expected_iccid=iccid, ordered=True)
        assert bench.worker.ok("read_back", profile=DISGUISED)["equal"] is True
        assert bench.worker.error("prove_key", rand="00" * 16, autn="00" * 16) == ("authenticate_refused", {})
        assert bench.file("DF.GSM/IMSI").hex() == "084906001121223343"
        step = {"apdu": "A0A40000023F00", "accepted": [[0x9000, 0xFFFF]], "keep": True}
        done = bench.worker.ok("run_script", expected_iccid=DISGUISED["iccid"], steps=[step])
        assert len(bytes.fromhex(done["answers"][0][2])) == 23


class Refusing:
    """A card that refuses class 00, and class A0 with ``a0``."""

    def __init__(self, a0: int) -> None:
        self._a0 = a0
        self.sent = 0

    def transmit(self, command: bytes, _: Deadline) -> tuple[bytes, int]:
        self.sent += 1
        return b"", self._a0 if command[0] == 0xA0 else 0x6E00


@pytest.mark.parametrize(("a0", "seen"), [(0x9F17, True), (0x9000, True), (0x6E00, False), (0x6F00, False)])
def test_sim_card_refusing_class_00_against_its_row_is_unknown_and_tells_what_was_seen(a0: int, seen: bool) -> None:  # noqa: FBT001  # a test's parameters
    card = Refusing(a0)
    with pytest.raises(UnknownCard) as unknown:
        CardAtWork(card, CARD_TYPES[0]).identify(Deadline.after(60))
    assert (unknown.value.data, card.sent) == ({"sw": 0x6E00, "class_a0": seen}, 2)
