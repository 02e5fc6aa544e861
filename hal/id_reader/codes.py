# SPDX-License-Identifier: Apache-2.0
"""The code tables of a card's text block: sex and ethnicity. Pure.

Rules
* A code nobody knows is not an error: cards carry codes that no table has, and published tables contradict each other.
* Only the standard's codes have names here; vendors' additions (57 to 59, 93 to 96) are contradictory and stay codes.

Clause: GB/T 2261.1 (sex), GB/T 3304 (ethnicity; 97 and 98 as used on identity cards).
"""

from __future__ import annotations

from typing import Final

SEXES: Final = {"0": None, "1": True, "2": False, "9": None}
"""Code → whether male; ``None`` for unknown (0) and unspecified (9)."""

_IN_ORDER: Final = (
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡 纳西 景颇 柯尔克孜 土 达斡尔 "
    "仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
)
ETHNICITIES: Final = {f"{number:02d}": name for number, name in enumerate(_IN_ORDER.split(), start=1)} | {
    "97": "其他",
    "98": "外国血统中国籍人士",
}
"""Two-digit code → name."""


def sex_is_male(code: str) -> bool | None:
    """Return what a sex code tells; ``None`` when it tells nothing, also for a code nobody knows."""
    return SEXES.get(code)


def ethnicity_name(code: str) -> str | None:
    """Return the name of an ethnicity code; ``None`` for one the standard does not have."""
    return ETHNICITIES.get(code)
