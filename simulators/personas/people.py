# SPDX-License-Identifier: Apache-2.0
"""The people, as data. Each differs from ``zhang`` in the one thing it is there for.

``KEY_DEFECT`` is the person ``KEY`` with a card that is wrong in one thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREVER = "长期"
"""Validity without an end, as it stands on the chip."""


def identity_number(birth: str, sequence: str, area: str = "990101") -> str:
    """Return the 18-character number with its check character (GB 11643, ISO 7064 MOD 11-2 by its recursion)."""
    body = area + birth + sequence
    rest = 0
    for digit in body:
        rest = (rest + int(digit)) * 2 % 11
    return body + "0123456789X"[(12 - rest) % 11]


@dataclass(frozen=True, slots=True)
class Persona:
    """One synthetic person with one card. Texts as on the chip, dates ``YYYYMMDD``."""

    key: str
    name: str
    number: str
    birth: str
    sex: str = "1"
    ethnicity: str = "01"
    address: str = "虚构省样例市测试路1号 3单元402室"
    issuer: str = "样例市公安局"
    valid_from: str = "20200115"
    valid_to: str = "20400115"
    layout: str = " "
    """The type character at offset 248: space, ``J``, ``I``, ``Y``, or anything a reader does not know."""
    appended: tuple[str, ...] = ()
    """Address changes, oldest first; none means the chip has no such item."""
    pass_number: str = ""
    issue_count: str = ""
    english_name: str = ""
    nationality: str = ""


_ZHANG = Persona("zhang", "张样例", identity_number("19900307", "001"), "19900307")


def _like_zhang(key: str, **changes: str | tuple[str, ...]) -> Persona:
    return replace(_ZHANG, key=key, **changes)  # type: ignore[arg-type]  # names and types are Persona's own


def _young(key: str, years: int, name: str, sequence: str) -> Persona:
    """Return a person of so many completed years: on whatever day of this year it is, because the birthday is its first one."""
    this_year = datetime.now(UTC).year
    birth = f"{this_year - years}0101"
    number, dates = identity_number(birth, sequence), {"valid_from": f"{this_year - 1}0101", "valid_to": f"{this_year + 4}0101"}
    return _like_zhang(key, name=name, number=number, birth=birth, **dates)


def _wrong_check(number: str) -> str:
    return number[:17] + ("1" if number[17] != "1" else "2")


_PEOPLE = (
    _ZHANG,
    _like_zhang("li", name="李样例", number=identity_number("19850621", "002"), birth="19850621", sex="2", address="虚构省样例市湖滨路8号"),
    _like_zhang("moved", name="王样例", number=identity_number("19881111", "003"), birth="19881111", appended=("虚构省新城市搬迁路9号",)),
    _like_zhang(
        "moved_often",
        name="赵样例",
        number=identity_number("19770202", "005"),
        birth="19770202",
        appended=("虚构省甲市一路1号", "虚构省乙市二路2号", "虚构省丙市三路3号"),
    ),
    _like_zhang("long_term", name="陈样例", number=identity_number("19501001", "007"), birth="19501001", valid_to=FOREVER),
    _like_zhang(
        "expired", name="孙样例", number=identity_number("19820505", "009"), birth="19820505", valid_from="20050601", valid_to="20150601"
    ),
    _like_zhang(
        "not_yet", name="周样例", number=identity_number("19920808", "011"), birth="19920808", valid_from="20900101", valid_to="21100101"
    ),
    _like_zhang(
        "minor", name="吴样例", number=identity_number("20180401", "013"), birth="20180401", valid_from="20240401", valid_to="20290401"
    ),
    _young("fifteen", 15, "尤样例", "031"),
    _young("seventeen", 17, "许样例", "033"),
    _like_zhang("bad_check", name="郑样例", number=_wrong_check(identity_number("19910910", "015")), birth="19910910"),
    _like_zhang("birth_mismatch", name="冯样例", number=identity_number("19930303", "017"), birth="19930304"),
    _like_zhang("sex_mismatch", name="褚样例", number=identity_number("19940404", "019"), birth="19940404", sex="2"),
    _like_zhang("bad_date", name="卫样例", number=identity_number("19950505", "021"), birth="19950505", valid_from="20201332"),
    _like_zhang("rare_name", name="𠮷样例", number=identity_number("19960606", "023"), birth="19960606"),
    _like_zhang("dotted_name", name="样例江·测试买买提", number=identity_number("19970707", "025"), birth="19970707", ethnicity="05"),
    _like_zhang(
        "canary",
        name="𪛖鸎样例鳹㑇",
        number=identity_number("19710923", "731", area="998877"),
        birth="19710923",
        address="虚构省鸀鳿市鶢鶋巷73191号 17单元60413室",
        issuer="鸀鳿市公安局鷾鸸分局",
        valid_from="20211207",
        valid_to="20411207",
        appended=("虚构省鹔鹴市鵽鸠街88351号 23单元70929室",),
    ),
    _like_zhang("lone_surrogate", name="\ud842样例", number=identity_number("19980808", "027"), birth="19980808"),
    _like_zhang("unknown_type", name="蒋样例", number=identity_number("19990909", "029"), birth="19990909", layout="Z"),
    _like_zhang(
        "residence_permit",
        name="沈样例",
        number=identity_number("19900101", "001", area="990200"),
        birth="19900101",
        layout="J",
        valid_from="20240102",
        valid_to="20290102",
        pass_number="H99999901",  # noqa: S106  # the travel pass's number, no password
        issue_count="01",
    ),
    _like_zhang(
        "foreigner_2017",
        name="样例德",
        number="UTO990085010112",
        birth="19850101",
        layout="I",
        english_name="SPECIMEN, UTOPIA DAVID",
        nationality="UTO",
        issuer="9901",
        valid_from="20180101",
        valid_to="20280101",
    ),
    _like_zhang(
        "foreigner_2023",
        name="样例莎",
        number=identity_number("19870703", "002", area="990999"),
        birth="19870703",
        sex="2",
        layout="Y",
        english_name="SPECIMEN OF A VERY LONG NAME UTOPIA SARA",
        nationality="UTO",
        issue_count="00",
        valid_from="20240301",
        valid_to="20340301",
    ),
)


def _with_defects(whole: Persona) -> Iterator[Persona]:
    """Yield the same person with a card that is wrong in one thing each."""
    citizen = len(whole.number) == 18
    changes: dict[str, dict[str, str]] = {
        "expired": {"valid_from": "20050601", "valid_to": "20150601"},
        "not_yet": {"valid_from": "20900101", "valid_to": "21000101"},
        "dates_swapped": {"valid_from": whole.valid_to, "valid_to": whole.valid_from},
        "bad_date": {"valid_from": "20201332"},
        "empty_name": {"name": "", "english_name": ""},
        "empty_number": {"number": ""},
        "empty_birth": {"birth": ""},
        "empty_validity": {"valid_from": "", "valid_to": ""},
        "hostile_name": {"english_name" if whole.english_name else "name": "样\u202e例"},
        "hostile_number": {"number": "1' OR '1'='1'"},
        "two_lines": {"issuer" if whole.layout == " " else "name": "样例\n", "english_name": "A\nB" if whole.english_name else ""},
    }
    if citizen:
        changes["bad_check"] = {"number": _wrong_check(whole.number)}
        changes["birth_mismatch"] = {"birth": "19930304"}
        changes["sex_mismatch"] = {"sex": "1" if whole.sex == "2" else "2"}
    if whole.layout in {" ", "J"}:
        changes["empty_address"] = {"address": ""}
    for name, change in changes.items():
        yield replace(whole, key=f"{whole.key}_{name}", **change)  # type: ignore[arg-type]  # names and types are Persona's own


_WHOLE = ("zhang", "residence_permit", "foreigner_2017", "foreigner_2023")
PERSONAS: dict[str, Persona] = {person.key: person for person in _PEOPLE}
PERSONAS |= {person.key: person for key in _WHOLE for person in _with_defects(PERSONAS[key])}
"""All personas by key; ``zhang`` is the one who gets a number without trouble."""
