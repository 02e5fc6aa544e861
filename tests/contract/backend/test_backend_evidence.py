# SPDX-License-Identifier: Apache-2.0
"""Pictures at the evidence port: what a record names comes in once, sealed; a reviewer sees it while it is held; then it goes."""

from __future__ import annotations

import base64
import http.client
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from simulators.backend import signatures
from tests.contract.backend.operator_messages import Operator, Request, Unit, digest, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86_400
PICTURED: dict[str, Any] = {
    "c258": "D02",
    "c259": "image",
    "c261": [["original", True], ["attested", True], ["face-match", True], ["liveness", True]],
    "c276": 1,
}


@pytest.fixture
def house(operator: Operator) -> Iterator[Operator]:
    """The operator whose reviewer looks at every document nobody could read; its clock goes back to where it stood."""
    start = operator.control("clock")["now"]
    operator.control("rules", review_sources=["image"])
    yield operator
    operator.control("rules", review_sources=[], hold_s=DAY)
    operator.control("clock", now=start)


def pictures() -> list[bytes]:
    return [b"P5 a page of nobody " + os.urandom(2000) for _ in range(2)]


def pictured(unit: Unit, pages: list[bytes], **changes: Any) -> Request:
    """A record of a document that was only pictured."""
    fields: dict[int, str | bytes] = {21: digest(b"live portrait"), **{22 + number: digest(page) for number, page in enumerate(pages)}}
    return unit.request(unit.operator.blank(), fields, **PICTURED | changes)


def held(unit: Unit, pages: list[bytes], **changes: Any) -> Request:
    request = pictured(unit, pages, **changes)
    status, answer = unit.submit(request)
    assert (status, answer["why"]) == (202, "reviewer")
    return request


def named(operator: Operator, request: Request) -> dict[str, tuple[str, bool]]:
    """Return word → digest and whether it came."""
    rows = operator.control("evidence", session=request.session.hex())["evidence"]
    return {row["word"]: (row["digest"], row["stored"] > 0) for row in rows}


def opened(operator: Operator, shown: dict[str, Any]) -> bytes:
    private = (operator.state / "vault-key.raw").read_bytes()
    return signatures.unseal(base64.b64decode(shown["sealed"]), private_key=private, info=bytes.fromhex(shown["info"]))


def objects(operator: Operator) -> set[Path]:
    return set((operator.state / "evidence").iterdir())


@pytest.mark.clause("KYX-4")
def test_reviewer_sees_what_a_held_record_names_and_each_look_is_logged(house: Operator, unit: Unit) -> None:
    pages, paper = pictures(), b"a paper " + os.urandom(500)
    request = held(unit, pages, c280=[["P-A", digest(paper)]])
    session = request.session.hex()
    for content in (*pages, paper):
        assert unit.bring(request.session, content) == (200, {"digest": digest(content).hex()})
    case = house.control("case", session=session, officer="officer-1")["case"]
    assert {row["word"]: row["digest"] for row in case["evidence"] if row["stored"]} == {
        "page-1": digest(pages[0]).hex(),
        "page-2": digest(pages[1]).hex(),
        "P-A": digest(paper).hex(),
    }
    assert (case["kind"], case["document"], case["source"], case["serial"]) == ("T01", "D02", "image", unit.serial)
    for officer, content in (("officer-1", pages[0]), ("officer-2", paper)):
        shown = house.control("look", session=session, digest=digest(content).hex(), officer=officer)
        assert opened(house, shown) == content
    now = house.control("clock")["now"]
    log = [(event["kind"], event["detail"]) for event in house.control("events", subject=session)["events"] if abs(event["at"] - now) < 600]
    looks = [("looked", f"officer-1 {digest(pages[0]).hex()}"), ("looked", f"officer-2 {digest(paper).hex()}")]
    assert log == [("case", "officer-1"), *looks]
    house.control("review", session=session, verdict="pass", officer="officer-1")
    assert unit.submit(request)[1]["outcome"] == "approved"


def test_nobody_looks_without_a_name_at_what_is_not_held_or_not_there(house: Operator, unit: Unit) -> None:
    pages = pictures()
    request = held(unit, pages)
    session, one = request.session.hex(), digest(pages[0]).hex()
    assert unit.bring(request.session, pages[0])[0] == 200
    with pytest.raises(RuntimeError, match="officer"):
        house.control("look", session=session, digest=one, officer="")
    with pytest.raises(RuntimeError, match="no such evidence came"):
        house.control("look", session=session, digest=digest(pages[1]).hex(), officer="officer-1")
    house.control("review", session=session, verdict="pass", officer="officer-1")
    assert unit.submit(request)[1]["outcome"] == "approved"
    for command in ("case", "look"):
        with pytest.raises(RuntimeError, match="nothing is held"):
            house.control(command, session=session, digest=one, officer="officer-1")
    assert house.control("events", subject=session)["events"] == []


def test_same_piece_twice_is_one_object_and_lies_sealed(house: Operator, unit: Unit) -> None:
    pages = pictures()
    request, before = held(unit, pages), objects(house)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: unit.bring(request.session, pages[0]), range(4)))
    assert answers == [(200, {"digest": digest(pages[0]).hex()})] * 4
    (file,) = objects(house) - before
    content = file.read_bytes()
    assert pages[0][:40] not in content
    assert file.stat().st_mode & 0o077 == 0
    assert unit.bring(request.session, pages[0])[0] == 200
    assert file.read_bytes() == content  # what is there is not written again
    assert {name: came for name, (_, came) in named(house, request).items()} == {"page-1": True, "page-2": False, "agreement": False}


def test_agreement_is_the_one_the_record_names(house: Operator, unit: Unit) -> None:
    document, strokes, salt = b"what was signed", b"how it was signed", os.urandom(32)
    agreement = digest(dumps([digest(document), digest(salt + strokes)]))
    request = held(unit, pictures(), c263=agreement)
    other = dumps([document, strokes, os.urandom(32)])
    assert unit.bring(request.session, other, digest=agreement)[1]["code"] == "EVIDENCE_REJECTED"
    assert unit.bring(request.session, dumps([document, strokes, salt]), digest=agreement)[0] == 200
    assert named(house, request)["agreement"] == (agreement.hex(), True)


def test_evidence_of_an_approved_record_comes_late_and_goes_with_it(operator: Operator, unit: Unit) -> None:
    paper, start, before = os.urandom(3000), operator.control("clock")["now"], objects(operator)
    request = unit.request(operator.blank(), c280=[["P-A", digest(paper)]])
    assert unit.submit(request)[1]["outcome"] == "approved"
    assert unit.bring(request.session, paper)[0] == 200
    result = unit.result(request, "cancelled")
    unit.report(request.session, result)
    try:
        for days, there in ((700, 1), (760, 0)):
            operator.control("clock", now=start + days * DAY)
            operator.control("sweep")
            assert len(objects(operator) - before) == there
    finally:
        operator.control("clock", now=start)
    assert named(operator, request) == {}


HOSTILE: dict[str, tuple[int, str]] = {
    "not named": (422, "EVIDENCE_NOT_NAMED"),
    "other content": (422, "EVIDENCE_REJECTED"),
    "not sealed": (422, "EVIDENCE_REJECTED"),
    "sealed for another session": (422, "EVIDENCE_REJECTED"),
    "cut": (422, "EVIDENCE_REJECTED"),
    "other session": (422, "EVIDENCE_NOT_NAMED"),
    "no session": (404, "NOT_FOUND"),
    "other unit": (404, "NOT_FOUND"),
    "refused": (409, "INCOMPATIBLE_STATE"),
    "cancelled": (409, "INCOMPATIBLE_STATE"),
    "too large": (413, "INVALID_ARGUMENT"),
    "digest is none": (400, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_upload_has_one_answer_and_stores_nothing(house: Operator, unit: Unit, tmp_path: Path, how: str) -> None:
    pages = pictures()
    request, before = held(unit, pages), objects(house)
    assert hostile(house, unit, tmp_path, request, pages[0], how) == HOSTILE[how]
    assert not objects(house) - before
    assert not any(came for _, came in named(house, request).values())


def hostile(house: Operator, unit: Unit, folder: Path, request: Request, page: bytes, how: str) -> tuple[int, str]:
    """Bring ``page`` in the wrong way ``how``; returns status and code."""
    if how == "too large":
        return too_large(unit, request.session)
    if how == "refused":
        house.control("review", session=request.session.hex(), verdict="R109", officer="officer-1")
        assert unit.submit(request)[1]["code"] == "R109"
    if how == "cancelled":
        unit.report(request.session, unit.result(request, "cancelled"))
    sessions = {"no session": lambda: os.urandom(16), "other session": lambda: held(unit, pictures()).session}
    session = sessions.get(how, lambda: request.session)()
    by = Unit.enrolled(house, folder / "other", f"RNT-{os.urandom(4).hex().upper()}") if how == "other unit" else unit
    status, answer = by.bring(session, b"another" if how in {"not named", "other content"} else page, **changed(page).get(how, {}))
    return status, answer["code"]


def changed(page: bytes) -> dict[str, dict[str, bytes]]:
    """Return how the upload differs from a good one."""
    return {
        "other content": {"digest": digest(page)},
        "not sealed": {"sealed": page},
        "sealed for another session": {"sealed_for": os.urandom(16)},
        "cut": {"sealed": os.urandom(20)},
        "digest is none": {"digest": b"short"},
    }


def too_large(unit: Unit, session: bytes) -> tuple[int, str]:
    """Announce more than the port takes; it is told off before a byte of it is sent."""
    connection = http.client.HTTPSConnection("localhost", int(unit.operator.url.rsplit(":", 1)[1]), context=unit.context(), timeout=15)
    try:
        connection.putrequest("POST", f"/v1/activations/{session.hex()}/evidence")
        connection.putheader("Content-Length", str(12 * 1024 * 1024 + 1))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode().split('"code": "')[1].split('"')[0]
    finally:
        connection.close()


def test_picture_as_large_as_a_terminal_keeps_is_taken(house: Operator, unit: Unit) -> None:
    page = os.urandom(8 * 1024 * 1024)
    request = held(unit, [page])
    assert unit.bring(request.session, page)[0] == 200


@pytest.mark.parametrize("end", ["refused", "cancelled", "forgotten"])
def test_pictures_of_a_hold_that_came_to_nothing_are_deleted(house: Operator, unit: Unit, end: str) -> None:
    pages = pictures()
    house.control("rules", hold_s=600)
    request, before = held(unit, pages), objects(house)
    session = request.session.hex()
    for page in pages:
        assert unit.bring(request.session, page)[0] == 200
    house.control("sweep")
    assert len(objects(house) - before) == 2  # held: nothing is due
    if end == "refused":
        house.control("review", session=session, verdict="R109", officer="officer-1")
        assert unit.submit(request)[1]["code"] == "R109"
    elif end == "cancelled":
        unit.report(request.session, unit.result(request, "cancelled"))
    else:
        house.control("clock", now=house.control("clock")["now"] + 601)
    assert ["pictures", session] in house.control("sweep")["purged"]
    assert not objects(house) - before
    with pytest.raises(RuntimeError, match="nothing is held"):
        house.control("look", session=session, digest=digest(pages[0]).hex(), officer="officer-1")
    if end == "forgotten":
        assert unit.submit(request)[1]["code"] == "R207"


def test_legal_hold_keeps_pictures_of_a_refused_record(house: Operator, unit: Unit) -> None:
    pages = pictures()
    request, before = held(unit, pages), objects(house)
    session, officers = request.session.hex(), ["officer-1", "officer-2"]
    assert unit.bring(request.session, pages[0])[0] == 200
    house.control("seal", key=session, officers=officers)
    house.control("review", session=session, verdict="R109", officer="officer-1")
    assert unit.submit(request)[1]["code"] == "R109"
    house.control("sweep")
    assert len(objects(house) - before) == 1
    house.control("unseal", key=session, officers=officers)
    house.control("sweep")
    assert not objects(house) - before
