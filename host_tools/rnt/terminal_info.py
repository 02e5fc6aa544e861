# SPDX-License-Identifier: Apache-2.0
"""``rnt terminal info``: who a terminal is and what state it is in. Nothing personal: it may be pasted into a ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hal.id_reader.sam_id import sam_id_text
from host_tools.rnt.command import rnt_command
from host_tools.rnt.options import terminal_option
from host_tools.rnt.outcome import Result
from host_tools.rnt.terminal_link import TerminalLink

if TYPE_CHECKING:
    from host_tools.rnt.console import Console


@rnt_command()
@terminal_option
def info(console: Console, terminal: str) -> Result:
    """Print serial, keys, certificates, software and journal of a terminal."""
    with TerminalLink(terminal, console.deadline) as link:
        found = link.request("info")
    hint = "" if found["provisioned"] else f"rnt provision --terminal {terminal} --operator URL --operator-ca FILE --work-order FILE"
    return Result(found, _text(found), hint=hint)


def _text(found: dict[str, Any]) -> str:
    lines = [f"serial       {found['serial']}", f"provisioned  {'yes' if found['provisioned'] else 'no'}"]
    for purpose, key in found["keys"].items():
        lines.append(f"{purpose:<6} key   {key['kid'] + ' (' + key['protection'] + ')' if key else 'none'}")
        certificate = found["certificates"][purpose]
        if certificate:
            left = datetime.fromisoformat(certificate["not_after"]) - datetime.now(UTC)
            lines.append(f"       valid until {certificate['not_after']} ({left // timedelta(days=1)} days)")
    operator, journal = found["operator"], found["journal"]
    lines.append(f"operator     {operator['id'] + ' at ' + operator['url'] if operator else 'none'}")
    lines.append(f"ID reader    {'SAM ' + sam_id_text(bytes.fromhex(found['sam_id'])) if found['sam_id'] else 'none registered'}")
    lines += _policy(found.get("policy"))
    lines.append(f"software     {found['software']}")
    lines.append(f"journal      {journal['state']}")
    if journal["state"] == "ok":
        lines.append(f"             {journal['size']} entries, head {journal['head']}, {len(journal['open_sessions'])} open sessions")
    return "\n".join(lines)


def _policy(policy: dict[str, Any] | None) -> list[str]:
    """Return what holds on a terminal: the set of packs, until when, and what is wrong with it."""
    if not policy:
        return []
    until = f", until {datetime.fromtimestamp(policy['expires'], UTC).isoformat()}" if policy["expires"] else ""
    wrong = [f"             may not be used (R510): {policy['refused']}"] if policy["refused"] else []
    return [f"policy       {policy['set']}, channel level {policy['channel']}{until}", *wrong]
