# SPDX-License-Identifier: Apache-2.0
"""Every sentence of the demonstration, in English and Chinese. A language that lacks one fails the tests."""

from __future__ import annotations

import os
from typing import Final

LANGUAGES: Final = ("en", "zh")

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": (
        "One activation, no hardware: every device and person here is simulated",
        "一次完整开卡演示，无需硬件：所有设备和人物均为模拟",
    ),
    "preparing": ("Preparing", "准备"),
    "rig": ("simulators", "模拟设备"),
    "rig.work": ("starting the devices, the operator and the people at the counter", "正在启动各设备、运营商后台和柜台人员"),
    "rig.done": ("{count} devices, operator and people at the counter are up", "{count} 个模拟设备、后台和柜台人员已就绪"),
    "provision": ("provision", "装机开通"),
    "provision.work": ("the terminal makes its keys, the operator certifies them", "终端生成密钥，运营商签发证书"),
    "provision.done": ("keys made on the terminal, certified by {operator}", "密钥在终端内生成，由 {operator} 签发证书"),
    "start": ("terminal", "终端"),
    "start.work": ("switching the terminal on", "正在启动终端"),
    "start.done": ("switched on and ready for a customer", "已启动，可以办理"),
    "session": ("The activation", "办理过程"),
    "notice": ("notice", "告知"),
    "notice.done": ("The subscriber read the privacy notice and acknowledged it", "客户已阅读告知书并确认"),
    "document": ("document", "证件"),
    "document.done": ("The reader read the identity card's chip: {name} {number}", "读卡器读取身份证芯片：{name} {number}"),
    "check": ("check", "核对"),
    "check.done": ("Number, dates and layout of the document are in order", "证件号码、日期和版式核对无误"),
    "portrait": ("portrait", "人像"),
    "portrait.done": ("The camera took a portrait; the same, living person as on the card", "摄像头采集人像，与证件为同一人且为活体"),
    "agreement": ("agreement", "协议"),
    "agreement.done": ("The subscriber signed the service agreement", "客户已签署入网协议"),
    "confirm": ("confirm", "确认"),
    "confirm.done": ("The subscriber pressed the confirm button", "客户已按下确认键"),
    "card": ("card", "空卡"),
    "card.done": ("A blank SIM card is in the slot; its number was read", "卡槽中有空白卡，已读取卡号"),
    "attest": ("two staff", "双人核验"),
    "attest.done": ("Two members of staff attest the holder", "两名人员核验持证人"),
    "network-token": ("token", "网证"),
    "token.done": ("The token of the network identity was taken", "已取得网络身份凭证"),
    "unit-document": ("unit", "单位证件"),
    "unit-document.done": ("The unit's document was pictured, marked and compared", "已拍摄并核对单位证件，影像加水印"),
    "papers": ("papers", "材料"),
    "papers.done": ("The companion papers were pictured and marked", "已拍摄随附材料，影像加水印"),
    "old-card": ("old card", "原卡"),
    "old-card.done": ("The card in use was read", "已读取在用卡"),
    "release": ("release", "转让确认"),
    "release.done": ("The present owner released the number", "原机主已确认转让"),
    "guardian-consent": ("guardian", "监护人同意"),
    "guardian-consent.done": ("The guardian consented", "监护人已同意"),
    "group-consent": ("group", "入组同意"),
    "group-consent.done": ("The user agreed to join the group", "使用人已同意加入群组"),
    "request": ("request", "请求"),
    "request.done": ("What the customer asks for was noted", "已记录客户请求"),
    "commercial": ("commercial", "商业信息"),
    "commercial.done": ("The commercial consent was asked for and answered", "已询问商业信息意愿"),
    "second-person": ("second", "第二人"),
    "second-person.done": ("A second member of staff agreed", "第二名人员已同意"),
    "seal": ("seal", "封存"),
    "seal.done": ("The capsule was sealed to the operator", "资料已封存给运营商"),
    "store": ("store", "暂存"),
    "store.done": ("The capsule waits for the operator; nothing was written", "资料等待运营商处理，未写卡"),
    "forward": ("forward", "移交"),
    "forward.done": ("The capsule was handed to the operator", "资料已移交运营商"),
    "hold": ("hold", "暂缓"),
    "hold.done": ("The operator decided what it had held", "运营商已对暂缓业务作出决定"),
    "carry": ("carried", "人工传递"),
    "carry.done": ("The submission was carried by hand", "已人工传递提交内容"),
    "owner": ("present owner", "原机主"),
    "guardian": ("guardian", "监护人"),
    "proxy": ("proxy", "代办人"),
    "handler": ("handler", "经办人"),
    "responsible": ("responsible person", "责任人"),
    "user": ("user", "使用人"),
    "party.done": ("{party}: done as for the subscriber", "{party}：与机主同样办理"),
    "record": ("record", "记录"),
    "record.done": ("The record was sealed and signed with the device key", "登记记录已封存，并用设备密钥签名"),
    "approval": ("approval", "审批"),
    "approval.done": ("The operator verified the record and signed an approval for this card", "运营商验证记录，并为此卡签发审批"),
    "recheck": ("recheck", "复核"),
    "recheck.done": ("The card in the slot was read again: it is the same one", "再次读取卡槽：仍是同一张卡"),
    "write": ("write", "写卡"),
    "write.done": ("The approved profile was written to the card", "已将审批的数据写入卡片"),
    "write.script": (
        "The operator's sealed packet was carried to the card, which wrote itself",
        "已将运营商密封的数据包传给卡片，由卡片自行写入",
    ),
    "write.unlock": (
        "The operator answered the card's challenge; the approved profile was written",
        "运营商应答卡片的挑战，已写入审批的数据",
    ),
    "write.relay": ("The operator wrote the card itself, through the terminal, on a secured channel", "运营商经终端通过加密通道亲自写卡"),
    "verify": ("verify", "回读"),
    "verify.done": ("Everything was read back from the card and is as approved", "已从卡片完整回读，与审批一致"),
    "verify.script": (
        "The same card is there; its sealed answer is proof that only the operator can read",
        "卡片未变；其密封应答只有运营商能核验",
    ),
    "verify.relay": ("The same card is there; its secured answers are proof for the operator", "卡片未变；其加密应答由运营商核验"),
    "report": ("report", "上报"),
    "report.done": ("The operator was told and activated the number", "已上报运营商，号码已激活"),
    "report.script": ("The operator checked the card's own proof and activated the number", "运营商核验卡片自身的证明，号码已激活"),
    "report.relay": ("The operator checked the card's own answers and activated the number", "运营商核验卡片自身的应答，号码已激活"),
    "receipt": ("receipt", "凭条"),
    "receipt.done": ("A receipt with masked data was printed", "已打印脱敏凭条"),
    "receipt.none": ("The receipt could not be printed; the number stays active", "凭条未能打印；号码仍然有效"),
    "slip": ("slip", "凭条"),
    "slip.done": ("A slip with reason, remedy and complaint phone was printed", "已打印载明原因、办法和投诉电话的凭条"),
    "slip.none": ("The slip could not be printed; reason and remedy are on the screen", "凭条未能打印；原因和办法见屏幕"),
    "erase": ("erase", "清除"),
    "erase.done": ("Personal data is gone: its key was destroyed", "个人信息已清除：其密钥已销毁"),
    "scenario.session": ("{name}: session {number} of {count}", "{name}：第 {number} 笔，共 {count} 笔"),
    "scenario.good": ("{name} ended as it should", "{name} 结果符合预期"),
    "scenario.wrong": ("{name} did NOT end as it should", "{name} 结果不符合预期"),
    "scenario.awaiting": ("not to be shown yet; it awaits {room}: {missing}", "尚不能演示；待后续：{room}：{missing}"),
    "scenario.test_only": ("nothing to see on the counter; its test does it: {reason}", "柜台上无可演示；由测试完成：{reason}"),
    "scenario.state.played": ("played here", "可演示"),
    "scenario.state.test_only": ("by test only", "仅测试"),
    "scenario.state.awaiting": ("awaiting a later room", "待后续"),
    "stopped": ("Stopped here with {code}", "办理在此终止，代码 {code}"),
    "not_equal": ("The card does not hold what was approved", "卡片内容与审批不一致"),
    "incomplete": ("not finished", "未完成"),
    "cut.plan": ("The power will be cut at: {step}", "将在以下步骤断电：{step}"),
    "cut.now": ("POWER CUT - every process of the terminal was killed during: {step}", "断电——终端所有进程已在以下步骤被终止：{step}"),
    "cut.between": ("POWER CUT - every process of the terminal was killed", "断电——终端所有进程已被终止"),
    "cut.back": ("The power is back. The terminal asks the world what happened", "恢复供电。终端正在核实断电前后的情况"),
    "summary": ("Summary", "结果"),
    "outcome": ("outcome", "结果"),
    "identity": ("identity (masked)", "客户（脱敏）"),
    "record_digest": ("record digest", "记录摘要"),
    "key": ("device key", "设备密钥"),
    "key.value": ("{key_id}, protection: {protection}", "{key_id}，保护级别：{protection}"),
    "software": ("software", "软件"),
    "token": ("token", "安全芯片"),
    "approval_id": ("approval", "审批编号"),
    "iccid": ("ICCID, read back", "ICCID（回读）"),
    "imsi": ("IMSI, read back", "IMSI（回读）"),
    "traffic": ("card traffic", "卡片通信"),
    "traffic.value": ("{apdus} commands, {bytes} bytes", "{apdus} 条指令，{bytes} 字节"),
    "commits": ("journal", "日志"),
    "commits.value": ("{commits} durable commits", "{commits} 次落盘提交"),
    "time": ("time", "用时"),
    "time.value": ("{total} in total, of which the terminal's own work {own}", "共 {total}，其中终端自身 {own}"),
    "none": ("none", "无"),
    "books": ("operator's books", "运营商账目"),
    "books.active": ("number active on the card with this ICCID", "此 ICCID 对应号码已激活"),
    "books.waiting": ("the number on the card waits until its user is registered (T10)", "卡上号码待使用人登记（T10）后启用"),
    "books.nothing": ("no number was given out", "未发放号码"),
    "plastic": ("card itself", "卡片"),
    "plastic.written": ("{updates} files updated", "更新 {updates} 个文件"),
    "plastic.blank": ("nothing was written to it", "未写入任何数据"),
    "end.active": ("The activation is complete.", "办理完成。"),
    "end.done": ("The business is done; no card was to be written.", "业务办结；本业务不写卡。"),
    "end.refused": ("The activation was refused. Nothing was written to the card.", "业务被拒绝。卡片未写入任何数据。"),
    "end.void": ("The activation was refused after the write had begun. The card is void.", "写卡开始后业务终止。此卡作废。"),
    "end.late": (
        "The card is written, but the operator has not activated it yet; the terminal goes on asking.",
        "卡片已写入，但运营商尚未激活；终端将继续上报。",
    ),
    "cut.end.active": (
        "Correct ending: the terminal proved that nothing was lost, and finished. One approval, one card.",
        "结局正确：终端核实后继续办完，未丢失任何内容。一次审批，一张卡。",
    ),
    "cut.end.nothing": (
        "Correct ending: one coded outcome, {code}, and nothing was written to the card.",
        "结局正确：给出唯一结果代码 {code}，卡片未写入任何数据。",
    ),
    "cut.end.void": (
        "Correct ending: the write was cut, so the card is void ({code}) and no number is active on it.",
        "结局正确：写卡被中断，此卡作废（{code}），未激活任何号码。",
    ),
    "cut.end.wrong": (
        "WRONG ending: {code}, and the card or the operator's books say otherwise.",
        "结局错误：{code}，与卡片或运营商账目不符。",
    ),
    "cut.closed": ("The session was already closed when the power went; nothing was left to do.", "断电时本次业务已结束，无需处理。"),
    "cut.missed": ("The step was over before the power could be cut; the activation ran through.", "断电前该步骤已结束，业务正常办完。"),
    "failed": ("The demonstration could not be shown: {reason}", "演示无法进行：{reason}"),
    "interrupted": ("Interrupted; everything was ended.", "已中断，所有进程已结束。"),
}
"""Key → (en, zh). ``STEP.done`` is told when the step ended well, or ``STEP.MODE`` where the issue mode makes a difference."""


class Words:
    """The sentences of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence ``key`` with ``values`` put in."""
        return TEXTS[key][self._column].format(**values)

    def step(self, name: str) -> str:
        """Return the label of a step; another party's is told with the party."""
        party, _, own = name.rpartition("/")
        label = self("network-token" if own == "token" else own)  # the other token is where a key lies
        return f"{self(party)}, {label}" if party else label

    def done(self, step: str, mode: str, **values: object) -> str:
        """Return the sentence of a step that ended well in this issue mode."""
        party, _, _own = step.rpartition("/")
        if party:
            return self("party.done", party=self(party))
        key = f"{step}.{mode}"
        return self(key if key in TEXTS else f"{step}.done", **values)

    def duration(self, ms: float) -> str:
        """Return a duration as people read it: ``8 ms``, ``340 ms``, ``2.1 s``."""
        if ms < 1000:  # noqa: PLR2004  # below a second
            return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"  # noqa: PLR2004  # two digits tell enough
        return f"{ms / 1000:.1f} s"


def language_of_machine() -> str:
    """Return ``zh`` when the environment asks for Chinese, else ``en``."""
    asked = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if asked.startswith("zh") else "en"
