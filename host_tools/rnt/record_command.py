# SPDX-License-Identifier: Apache-2.0
"""``rnt record verify`` and ``show``: what an inspector's bundle proves, offline and with public keys only.

Rules
* Nothing of a bundle is shown before all of it is verified.
* The values disclosed go to a person's screen or file with ``show``, and nowhere else: ``--json``, messages and ``verify`` name the fields.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firmware.core.bundle import Disclosed, read_bundle, verify_bundle
from firmware.core.errors import Malformed, SignatureFault, SignatureRefused
from firmware.core.keyring import Keyring
from firmware.core.record import read_record
from host_tools.rnt.command import rnt_command
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.record_keys import ca_option, key_option, operator_keys, read_file, terminal_keys, trust_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from host_tools.rnt.console import Console

REASONS = {
    SignatureFault.KEY: "it was signed by no key that was given, or when the key was not valid",
    SignatureFault.SIGNATURE: "a signature does not verify: the content was changed",
}
bundle_argument = click.argument("bundle", type=click.Path(dir_okay=False))


@rnt_command()
@bundle_argument
@key_option
@ca_option
@trust_option
def verify(_console: Console, bundle: str, keys: Sequence[str], operator_ca: str | None, trust: str | None) -> Result:
    """Verify an inspector's bundle: the record, the fields it discloses, and the approval."""
    found = _verified(bundle, keys, operator_ca, trust)
    data = _facts(found)
    text = f"verified: record {data['record']} of {data['terminal']}\ndisclosed: {', '.join(data['disclosed']) or 'nothing'}"
    return Result(data, f"{text}\napproval: {'verified' if found.approved else 'not in the bundle'}")


@rnt_command()
@bundle_argument
@key_option
@ca_option
@trust_option
def show(console: Console, bundle: str, keys: Sequence[str], operator_ca: str | None, trust: str | None) -> Result:
    """Verify an inspector's bundle, then print what the record says and the values disclosed."""
    found = _verified(bundle, keys, operator_ca, trust)
    data = _facts(found)
    if console.as_json:
        return Result(data)
    lines = [f"{name:<12} {value}" for name, value in data.items() if not isinstance(value, list)]
    name = found.record.record.field_name
    lines += [f"{name(field):<14} {value.hex() if isinstance(value, bytes) else value}" for field, value in sorted(found.values.items())]
    return Result(data, "\n".join(lines))


def _verified(bundle: str, keys: Sequence[str], operator_ca: str | None, trust: str | None) -> Disclosed:
    """Return what the bundle proves; raises :class:`Stopped`."""
    data = read_file(Path(bundle))
    given = terminal_keys([Path(key) for key in keys], Path(operator_ca) if operator_ca else None)
    given += operator_keys(Path(trust)) if trust else []
    try:
        parts = read_bundle(data)
        if parts.approval is not None and not trust:
            raise Stopped(ExitCode.USAGE, "The bundle holds the operator's approval.", "repeat with --trust FILE")
        signed_at = read_record(parts.record).record.facts.signed_at
        return verify_bundle(data, keyring=Keyring(given), seconds=signed_at)
    except SignatureRefused as error:
        reason = REASONS.get(error.reason, f"it is no signed message of its kind ({error.reason.value})")
        raise Stopped(ExitCode.VERIFICATION, f"The bundle is not genuine: {reason}.", "ask whoever made it for another") from error
    except Malformed as error:
        raise Stopped(ExitCode.VERIFICATION, f"The bundle is not genuine: {error}.", "ask whoever made it for another") from error


def _facts(found: Disclosed) -> dict[str, Any]:
    """Return what may be told anybody: the record without the values disclosed."""
    record, facts = found.record.record, found.record.record.facts
    return {
        "terminal": facts.terminal,
        "record": found.record.digest.hex(),
        "session": facts.session.hex(),
        "sequence": facts.sequence,
        "signed_at": facts.signed_at,
        "transaction": facts.transaction,
        "document": record.document,
        "source": record.source,
        "protection": facts.protection,
        "software": facts.software.hex(),
        "policy": facts.policy[0],
        "modifiers": list(facts.modifiers),
        "assurance": record.subscriber.assurance,
        "parties": [{"role": party.role, "document": party.document, "assurance": party.assurance} for party in record.parties],
        "clerk": facts.clerk,
        "checks": [name for name, passed in record.subscriber.checks if passed],
        "approved": found.approved,
        "fields": [record.field_name(number) for number, _ in record.digests],
        "disclosed": [record.field_name(number) for number in sorted(found.values)],
    }
