# SPDX-License-Identifier: Apache-2.0
"""The subscriber's receipt: masked, in Chinese with English below, as lines for a text printer.

It carries no identity value in full (DS-12): the masked name, the last digits of the document, the ICCID for complaints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def lines(*, serial: str, session: bytes, masked: Mapping[str, str], iccid: str) -> list[str]:
    """Return the receipt's lines; ``masked`` has ``name`` and ``number`` as shown on the screen."""
    return [
        "入网凭条 / Activation receipt",
        f"客户 Customer: {masked.get('name', '')}",
        f"证件 Document: {masked.get('number', '')}",
        f"卡号 ICCID: {iccid}",
        f"流水号 Session: {session.hex()}",
        f"终端 Terminal: {serial}",
        "请取回您的身份证和手机卡 / Take back your ID card and SIM",
        "投诉电话 Complaints: 12300",
    ]
