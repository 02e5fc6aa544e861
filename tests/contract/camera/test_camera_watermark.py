# SPDX-License-Identifier: Apache-2.0
"""DS-05, GA-36: every picture carries its mark before it leaves the camera's process, and one without is not taken for evidence."""

from __future__ import annotations

import copy
import hashlib
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.camera.errors import NoFrame
from hal.camera.frame import build, parse
from hal.camera.letters import LETTERS
from hal.camera.pages import document_page
from hal.camera.portrait import live_portrait
from hal.camera.service import CameraService
from hal.camera.watermark import Watermark, carries, stamp
from hal.deadline import Deadline
from hal.document import Page, PageProvenance, is_page
from hal.errors import LinkClosed, ProtocolError
from simulators.camera.papers import PAPERS, page_pgm
from simulators.kit.launch import RunningSimulator
from tests.support import evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARK = Watermark("MOBILE", "T01", "2026-11-30", "0123456789ABCDEF" * 2)
TEXT = "MOBILE / T01 / 2026-11-30 / 0123456789ABCDEF0123456789ABCDEF"
OTHER = Watermark("MOBILE", "T01", "2026-11-30", "0123456789ABCDEF0123456789ABCDEE")
SMALL = build(80, 100, bytes(range(200)) * 40)


class Table:
    """A document camera, a live camera and the service on both."""

    def __init__(self, folder: Path) -> None:
        self.live = RunningSimulator("simulators.camera", "--socket", str(folder / "live"), control=folder / "l")
        self.table = RunningSimulator("simulators.camera", "--socket", str(folder / "table"), "--table", control=folder / "t")
        self.service = CameraService({"source": self.live.endpoints["source"], "documents": self.table.endpoints["source"]})

    def take(self, op: str, mark: Watermark = MARK) -> bytes:
        image: bytes = self.service.operations[op]({"mark": mark.to_json()}, Deadline.after(5))["image"]
        return image


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    running = Table(folder)
    yield running
    running.table.stop()
    running.live.stop()
    shutil.rmtree(folder)


def refusal(make: Callable[[bytes, Watermark], object], image: bytes) -> object:
    """Return the reason for which a picture is not taken."""
    with pytest.raises(ProtocolError) as refused:
        make(image, MARK)
    return refused.value.data["reason"]


def test_letters_are_those_of_the_table() -> None:
    drawn = {letter: tuple(f"{row:05b}".replace("1", "#").replace("0", ".") for row in rows) for letter, rows in LETTERS.items()}
    assert drawn == evidence.LETTERS
    assert len(set(drawn.values())) == len(drawn)


def test_every_page_that_can_be_laid_fits_the_source() -> None:
    for document, pages in PAPERS.items():
        for page in range(1, len(pages) + 1):
            assert parse(page_pgm(document, "zhang", page)).width == pages[page - 1].size[0]


@pytest.mark.clause("DS-05")
@pytest.mark.parametrize("document", ["D02", "D03", "D04", "D06", "D09", "U01", "P-A"])
def test_page_comes_with_its_mark_across_it_and_under_it(table: Table, document: str) -> None:
    for page in range(1, len(PAPERS[document]) + 1):
        table.table.control("lay", document=document, persona="zhang", page=page)
        taken = document_page(table.take("page"), MARK)
        evidence.assert_marked(taken.image, TEXT, across=True)
        assert taken.digest == hashlib.sha256(taken.image).digest()
        assert refusal(document_page, page_pgm(document, "zhang", page)) == "unmarked"


@pytest.mark.clause("DS-05")
def test_live_portrait_comes_with_its_band_and_its_face_as_it_was_seen(table: Table) -> None:
    taken = live_portrait(table.take("capture"), MARK)
    evidence.assert_marked(taken.image, TEXT, across=False)
    with pytest.raises(AssertionError):
        evidence.assert_marked(taken.image, TEXT, across=True)


def test_page_legible_under_its_mark(table: Table) -> None:
    table.table.control("lay", document="D02", persona="li", page=1)
    plain, taken = evidence.rows_of(page_pgm("D02", "li", 1)), evidence.rows_of(document_page(table.take("page"), MARK).image)
    changed = sum(one != two for above, below in zip(plain, taken, strict=False) for one, two in zip(above, below, strict=True))
    assert 0.02 < changed / (len(plain) * len(plain[0])) < 0.2


def test_nothing_on_the_table_is_no_picture_and_a_lifted_page_too(table: Table) -> None:
    table.table.control("lay", document="D09", persona="foreigner_2017", page=1)
    assert table.take("page")
    table.table.control("lift")
    with pytest.raises(NoFrame):
        table.take("page")
    with pytest.raises(RuntimeError, match="no page 3"):
        table.table.control("lay", document="D02", persona="zhang", page=3)


def test_counter_without_a_document_camera_says_so(table: Table) -> None:
    service = CameraService({"source": table.live.endpoints["source"]})
    with pytest.raises(LinkClosed) as closed:
        service.operations["page"]({"mark": MARK.to_json()}, Deadline.after(5))
    assert closed.value.data == {"reason": "no_document_camera"}


@pytest.mark.clause("DS-05")
@pytest.mark.parametrize("op", ["capture", "page"])
def test_no_picture_is_taken_without_a_mark(table: Table, op: str) -> None:
    before = table.live.control("frames")["count"], table.table.control("frames")["count"]
    wrong: tuple[dict[str, Any], ...] = ({}, {"mark": {}}, {"mark": MARK.to_json() | {"session": ""}})
    for arguments in wrong:
        with pytest.raises((KeyError, ValueError)):
            table.service.operations[op](arguments, Deadline.after(5))
    assert (table.live.control("frames")["count"], table.table.control("frames")["count"]) == before


# ---- what is not taken for evidence

PAGE = stamp(parse(SMALL), MARK, across=True)
SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "no mark at all": lambda _: SMALL,
    "another session's": lambda _: stamp(parse(SMALL), OTHER, across=True).image,
    "only the band": lambda _: stamp(parse(SMALL), MARK, across=False).image,
    "marked twice": lambda image: stamp(parse(image, marked=True), OTHER, across=True).image,
    "one dot of the band": lambda image: image[:-9] + bytes([254]) + image[-8:],
    "one dot across": lambda image: image[: _first_dot(image)] + bytes([255]) + image[_first_dot(image) + 1 :],
    "cut off at the top": lambda image: build(80, PAGE.height - 40, image[-80 * (PAGE.height - 40) :]),
    "a byte more": lambda image: image + b"\0",
}


def _first_dot(image: bytes) -> int:
    """Return where the first dot of the first letter stands: M has its upper left corner."""
    return len(image) - 80 * PAGE.height + 80 * evidence.FIRST


@pytest.mark.clause("DS-05")
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_picture_without_exactly_its_mark_is_no_page(spoil: Callable[[bytes], bytes]) -> None:
    assert is_page(document_page(PAGE.image, MARK))
    assert refusal(document_page, spoil(PAGE.image)) in {"unmarked", "length"}


def test_portrait_without_its_mark_is_none() -> None:
    for image in (SMALL, stamp(parse(SMALL), OTHER, across=False).image):
        assert refusal(live_portrait, image) == "unmarked"


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(64, 90), st.integers(64, 90)),
    seed=st.binary(min_size=1, max_size=64),
    operator=st.text(st.sampled_from(sorted(set(LETTERS) - {"/", " "})), min_size=1, max_size=24).filter(lambda text: text[0].isalnum()),
)
def test_any_picture_carries_what_it_was_marked_with(size: tuple[int, int], seed: bytes, operator: str) -> None:
    width, height = size
    frame = parse(build(width, height, (seed * (width * height))[: width * height]))
    mark = Watermark(operator, "T01", "2026-11-30", "AB" * 16)
    marked = parse(stamp(frame, mark, across=True).image, marked=True)
    assert carries(marked, mark, across=True)
    assert not carries(frame, mark, across=False)
    evidence.assert_marked(marked.image, mark.text, across=False)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["operator", "purpose", "date", "session", "name"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=40)),
        max_size=5,
    )
)
def test_anything_else_is_no_mark(value: dict[str, Any]) -> None:
    try:
        mark = Watermark.from_json(value)
    except ValueError:
        return
    assert Watermark.from_json(mark.to_json()) == mark


@pytest.mark.parametrize(
    "wrong",
    [{"operator": ""}, {"operator": "移动"}, {"operator": "A" * 25}, {"purpose": "T/1"}, {"date": "2026-1-30"}, {"session": "ab" * 16}],
)
def test_mark_that_cannot_be_written_is_the_callers_mistake(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"operator|date|session|isoformat"):
        Watermark(**MARK.to_json() | wrong)


# ---- the value


def test_page_is_made_by_the_document_camera_only_and_stays_as_it_is() -> None:
    page = document_page(PAGE.image, MARK)
    assert (page.provenance, page.media_type) == (PageProvenance.DOCUMENT_CAMERA, "image/x-portable-graymap")
    assert repr(page) == f"<Page image/x-portable-graymap {len(page.image)} B document-camera>"
    forgeries: list[Callable[[], object]] = [
        lambda: copy.copy(page),
        lambda: copy.deepcopy(page),
        lambda: pickle.dumps(page),
        lambda: Page(object(), b"", "", PageProvenance.DOCUMENT_CAMERA),
        lambda: type("Typed", (Page,), {}),
    ]
    for forge in forgeries:
        with pytest.raises(TypeError):
            forge()
    with pytest.raises(AttributeError):
        page.image = b""  # type: ignore[misc]  # the point
    assert not is_page(page.image)
