# SPDX-License-Identifier: Apache-2.0
"""What a slip says beyond its outcome's reason and remedy, as data: which papers to bring, and what the remedy promises to print.

Rules
* Every outcome has its papers; an empty tuple says that none are needed, and the slip says so.
* What a remedy refers to ("the evidence number", "the list on the slip", "the printed time") is on the slip: one set for each promise.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

PAPERS: Final = MappingProxyType(
    {
        "original": ("本人有效证件原件", "your own valid document, the original"),
        "other-kind": ("本凭条所列任一证件的原件", "the original of one of the documents listed here"),
        "renewed": ("换领的新证件", "the renewed document"),
        "corrected": ("更正信息后的证件", "the document with its data corrected"),
        "police": ("公安机关的核查结果", "what the police found"),
        "guardian": ("监护人证件原件", "the guardian's document, the original"),
        "P-A": ("载明本业务、双方签字的委托书", "a letter of authority that names this business, signed by both"),
        "P-B": ("监护关系证明", "proof of the guardian's relation"),
        "P-C": (
            "机主证明材料：服务密码、原卡、卡托、常用号码",
            "the owner's proofs: service password, old card, its carrier, frequent numbers",
        ),
        "P-D": ("争议解决或司法文书", "a paper of the settlement or of a court"),
        "proxy": ("代办人证件原件", "the proxy's document, the original"),
        "principal": ("委托人本人及其证件原件", "the principal in person with the original document"),
        "unit-document": ("有效的单位证件", "a valid document of the unit"),
        "sealed": ("加盖公章的材料", "the paper under the official seal"),
        "U-A": ("单位授权书（三合一申请表）", "the unit's letter of authority"),
        "U-B": ("盖章的实名制承诺书", "the sealed real-name undertaking"),
        "U-C": ("实名制用户清单", "the list of users"),
        "U-D": ("经办人身份证原件", "the handler's identity card, the original"),
        "U-E": ("责任人身份证原件", "the responsible person's identity card, the original"),
        "U-F": ("经办人到场", "the handler in person"),
        "U-G": ("每一使用人的身份登记", "the registration of each user"),
        "regiment": ("团级以上单位的介绍信", "a letter of a unit of regiment level or above"),
        "licence": ("所需业务许可", "the licence the purpose needs"),
        "scene": ("使用场景说明与设备清单", "the scene of use and the list of devices"),
        "old-card": ("原手机卡", "the old SIM card"),
        "use": ("用途说明及佐证", "a statement of the purpose, with proof"),
    }
)
"""Paper → (zh, en)."""

_NEEDED: Final = """
R101 original | R102 original | R103 other-kind | R104 original | R105 renewed | R106 original | R107 renewed | R108 original police
R109 original police | R110 original police | R111 corrected | R112 corrected | R113 corrected | H114 | R115 original | R116 renewed
R201 original | R202 original | R203 original | R204 original | H205 original | R206 original guardian P-B | R207 original
R208 original proxy | R209 P-A proxy principal | R210 principal P-A | R211 original P-C
R301 unit-document | R302 sealed | R303 U-D | R304 U-A | R305 U-E | R306 U-C U-G | R307 U-B | R308 U-D U-F | R309 regiment
R310 licence | R311 scene
R401 original | R402 original | R403 original | W-401 | R404 original use | R405 original use | R406 original | R407 original
R408 original P-D | R409 original use | R410 original | R411 original old-card
R501 | R502 | R503 | R504 | R505 | R506 | R507 | R508 | R509 | R510 | R511 | R512 | R513 | R514 | R515 | R516 | R517
R601 | R602 | R603 | R604 | R701 | R702 | R703 | R704 | R705 | R706 | R707 | R708 | R709 | R710 | R711 | R801 | R802 | R803
"""


def _read(text: str) -> dict[str, tuple[str, ...]]:
    words = [cell.split() for line in text.strip().splitlines() for cell in line.split("|")]
    return {cell[0]: tuple(cell[1:]) for cell in words}


NEEDED: Final = MappingProxyType(_read(_NEEDED))
"""Outcome → the papers to bring next time."""

EVIDENCE: Final = frozenset({"R108", "R109", "R110", "R204"})
"""The slip carries an evidence number: the police, or an appeal, can ask for what was found."""
APPEAL: Final = frozenset({"R109", "R204", "R210", "R404", "R405", "R409", "R502"})
"""The slip says where to appeal (anti-fraud law, article 32: reason, way, papers)."""
HALL: Final = frozenset({"R211", "R410"})
"""The slip names the operator's own halls. H205 sends there by its own words."""
KINDS: Final = frozenset({"R103"})
"""The slip lists the documents that are accepted."""
UNTIL: Final = frozenset({"H114", "R406"})
"""The slip prints a time."""

DOCUMENTS: Final = MappingProxyType(
    {
        "D01": ("居民身份证", "resident identity card"),
        "D02": ("临时居民身份证", "temporary identity card"),
        "D03": ("户口簿", "household register"),
        "D04": ("军人身份证件", "identity document of the army"),
        "D05": ("武警身份证件", "identity document of the armed police"),
        "D06": ("港澳居民来往内地通行证", "travel permit of Hong Kong and Macao residents"),
        "D07": ("台湾居民来往大陆通行证", "travel permit of Taiwan residents"),
        "D08": ("港澳台居民居住证", "residence permit of Hong Kong, Macao and Taiwan residents"),
        "D09": ("外国公民护照", "foreign passport"),
        "D10": ("外国人永久居留身份证", "foreign permanent resident card"),
        "D11": ("中国护照、旅行证", "passport or travel document of citizens settled abroad"),
        "U01": ("营业执照", "business licence"),
        "U02": ("组织机构代码证", "organisation code certificate"),
        "U03": ("事业单位法人证书", "certificate of an institution"),
        "U04": ("社会团体法人登记证书", "certificate of a society"),
        "U05": ("介绍信", "letter of introduction"),
        "U06": ("照会", "note of an embassy"),
    }
)
"""Document → (zh, en), for the list of what is accepted."""

BY_CHOICE: Final = frozenset({"R101", "R102", "R104", "R109", "R204", "R207"})
"""The outcomes a clerk may choose, each with a note; every other is found by the terminal or the operator."""
NOTES: Final = MappingProxyType(
    {
        "R101": frozenset({"nothing-shown", "left-at-home", "lost"}),
        "R102": frozenset({"will-not-hand-over", "takes-back-while-read"}),
        "R104": frozenset({"photocopy", "picture-on-a-screen", "scan-or-print"}),
        "R109": frozenset({"altered-print", "wrong-feel-or-layout", "portrait-replaced"}),
        "R204": frozenset({"another-person", "admits-it-is-not-theirs"}),
        "R207": frozenset({"will-not-look", "refuses-a-check", "goes-away"}),
    }
)
"""Code a clerk may choose → the words it is noted with: a closed list, so that a note can hold no name and no number."""

_BUSINESS: Final = """
T01 新入网 new number | T02 过户 transfer | T03 补卡 replacement of a card
T04 补登记 supplementary registration | T05 资料变更 change of data | T06 实名核验 re-verification
T07 名下号码查询 own numbers | T08 销户 closing | T09 单位开户 unit opening | T10 使用人登记 binding of a user
T11 物联网卡 IoT cards | T12 携号转网 porting | T13 固话宽带 line or broadband | T14 商业短信 commercial consent
T15 冲正 void | T16 离线采集 stored registration | T17 个人信息请求 request about data
"""
BUSINESS: Final = MappingProxyType(
    {
        code: (zh, en)
        for code, zh, en in (cell.strip().split(" ", 2) for line in _BUSINESS.strip().splitlines() for cell in line.split(" | "))
    }
)
"""Kind of business → (zh, en)."""
