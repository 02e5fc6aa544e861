# SPDX-License-Identifier: Apache-2.0
"""The subscriber's receipt: masked, in Chinese with English below, as lines for a text printer.

It carries no identity value in full (DS-12): the masked name, the last digits of the document, the ICCID for complaints.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def lines(*, serial: str, session: bytes, masked: Mapping[str, str], iccid: str, phone: str, told: Sequence[str] = ()) -> list[str]:
    """Return the receipt's lines; ``masked`` has ``name`` and ``number`` as shown on the screen, ``told`` is the operator's answer.

    ``iccid`` is empty where no card was written.
    """
    return [
        "入网凭条 / Activation receipt" if iccid else "业务办理凭条 / Receipt",
        f"客户 Customer: {masked.get('name', '')}",
        f"证件 Document: {masked.get('number', '')}",
        *([f"卡号 ICCID: {iccid}"] if iccid else []),
        *told,
        f"流水号 Session: {session.hex()}",
        f"终端 Terminal: {serial}",
        *(["号码不得转让，转让须过户 / Not to be passed on without a transfer"] if iccid else []),
        "请取回您的身份证和手机卡 / Take back your ID card and SIM",
        f"投诉电话 Complaints: {phone}",
    ]


def stored(*, serial: str, session: bytes, until: int) -> list[str]:
    """Return the lines that say until when a capsule waits (``until``, Unix seconds), and that nothing is written before."""
    return [
        "离线采集凭条 / Stored for the operator",
        "尚未办结，运营商审核前不写卡 / Not done yet: no card before the operator decides",
        f"有效至 Until: {time.strftime('%Y-%m-%d %H:%M', time.gmtime(until + 8 * 3600))} (UTC+8)",
        f"流水号 Session: {session.hex()}",
        f"终端 Terminal: {serial}",
        "请取回您的证件 / Take back your document",
        "投诉电话 Complaints: 12300",
    ]
