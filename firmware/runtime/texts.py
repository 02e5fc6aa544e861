# SPDX-License-Identifier: Apache-2.0
"""What the screen says at each step, in Chinese and English. Refusals are worded by the outcome table, not here."""

from __future__ import annotations

from typing import Final

from firmware.core.outcomes import OUTCOMES

STEPS: Final[dict[str, tuple[str, str]]] = {
    "notice": ("请阅读告知书并确认", "Please read the notice and acknowledge it"),
    "document": ("请将身份证平放在读卡区", "Lay the ID card flat on the reader"),
    "check": ("正在核对证件", "Checking the document"),
    "portrait": ("请正视摄像头", "Please look into the camera"),
    "warning": ("请阅读反诈和禁止转售提示并确认", "Please read the warnings of fraud and resale and acknowledge them"),
    "agreement": ("请阅读并签署入网协议", "Please read and sign the service agreement"),
    "confirm": ("请客户核对并按下确认键", "Subscriber: check the details and press the confirm button"),
    "card": ("请插入空白卡", "Insert a blank SIM card"),
    "page": ("请将证件放在拍摄台上，核对原件", "Lay the page under the document camera; is it the original?"),
    "attest": ("请第二名工作人员登录并确认本人", "A second member of staff logs on and attests the holder"),
    "token": ("请出示网络身份认证凭证", "Show the token of the network identity"),
    "unit-document": ("请将单位证件放在拍摄台上", "Lay the unit's document under the camera"),
    "papers": ("请将所需材料放在拍摄台上", "Lay the papers under the document camera"),
    "paper": ("请将材料放在拍摄台上并核对", "Lay the paper under the document camera and check it"),
    "old-card": ("请插入正在使用的手机卡", "Insert the SIM card in use"),
    "release": ("请原机主签署过户同意", "The present owner signs the release"),
    "guardian-consent": ("请监护人阅读并同意", "The guardian reads and consents"),
    "group-consent": ("请使用人阅读并同意加入单位群组", "The user reads and consents to join the unit's group"),
    "request": ("请选择办理事项", "Choose what is asked for"),
    "commercial": ("是否同意接收商业信息？默认不同意", "Commercial messages? Refused unless you agree"),
    "second-person": ("请第二名工作人员登录确认", "A second member of staff logs on and confirms"),
    "seal": ("正在核对离线采集限额", "Checking the limits of storing"),
    "record": ("正在封存并签名登记记录", "Sealing and signing the record"),
    "approval": ("正在等待运营商审批", "Waiting for the operator's approval"),
    "hold": ("运营商尚未答复，请稍候", "The operator has not decided yet; please wait"),
    "store": ("已密封，联网后移交运营商", "Sealed; it goes to the operator when there is a connection"),
    "forward": ("正在移交运营商", "Handing over to the operator"),
    "recheck": ("正在再次核对卡片", "Reading the card again before writing"),
    "write": ("正在写卡，请勿取出卡片", "Writing the card: do not remove it"),
    "verify": ("正在回读校验，请勿取出卡片", "Reading the card back: do not remove it"),
    "report": ("已写入，正在等待运营商激活", "Written; waiting for the operator to activate"),
    "receipt": ("正在打印凭条", "Printing the receipt"),
    "slip": ("正在打印凭条", "Printing the slip"),
    "erase": ("正在清除个人信息", "Erasing personal data"),
}
"""Step → (zh, en)."""

ACTIVE: Final = ("办理成功，号码已激活。请取回证件和手机卡", "Done: the number is active. Take back your ID card and SIM")
STORED: Final = (
    "已离线采集并密封，运营商审核后另行通知；审核前不写卡",
    "Captured and sealed; the operator will tell. Nothing is written before it decides",
)
READY: Final = ("可以办理", "Ready for the next customer")
STARTING: Final = ("正在启动", "Starting")
CARRY: Final = (
    "无法连接运营商。请将申请文件或二维码交给运营商，再带回答复；终端不会自行批准",
    "The operator cannot be reached. Take the file or the QR codes to the operator and bring the answer back; nothing is approved here",
)
RESUMING: Final = ("上一笔业务被中断，正在处理", "The last activation was interrupted; finishing it")


PARTIES: Final[dict[str, tuple[str, str]]] = {
    "owner": ("原机主", "Present owner"),
    "guardian": ("监护人", "Guardian"),
    "proxy": ("代办人", "Proxy"),
    "handler": ("经办人", "Handler"),
    "responsible": ("责任人", "Responsible person"),
    "user": ("使用人", "User"),
}
"""Role → (zh, en)."""


def step(name: str) -> dict[str, str]:
    """Return the sentence of a step, ``party/step`` for another party than the subscriber."""
    role, _, own = name.rpartition("/")
    zh, en = STEPS[own]
    return sentence((f"{PARTIES[role][0]}：{zh}", f"{PARTIES[role][1]}: {en}") if role else (zh, en))


def sentence(pair: tuple[str, str]) -> dict[str, str]:
    """Return a pair of texts as the view carries it."""
    return {"zh": pair[0], "en": pair[1]}


def outcome(code: str) -> dict[str, str]:
    """Return the sentence for an outcome: reason, remedy and code, or the good ending."""
    if code == "ACTIVE":
        return sentence(ACTIVE)
    if code == "STORED":
        return sentence(STORED)
    row = OUTCOMES[code]
    return {"zh": f"{row.zh}。{row.remedy_zh}（代码 {code}）", "en": f"{row.en}: {row.remedy_en} (code {code})"}
