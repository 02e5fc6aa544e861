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
    "agreement": ("请阅读并签署入网协议", "Please read and sign the service agreement"),
    "confirm": ("请客户核对并按下确认键", "Subscriber: check the details and press the confirm button"),
    "card": ("请插入空白卡", "Insert a blank SIM card"),
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
RESUMING: Final = ("上一笔业务被中断，正在处理", "The last activation was interrupted; finishing it")


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
