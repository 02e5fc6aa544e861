# SPDX-License-Identifier: Apache-2.0
"""``rnt card info | plan | write | verify``: the commands, their options and how each ends.

Decides what is asked before a card is written: a blank card and a yes, or a card with a subscriber, named by its ICCID.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from firmware.runtime.config import ConfigError, load
from hal.errors import HalError
from hal.sim_card.cards import CARD_TYPES
from host_tools.rnt.card import look as looking
from host_tools.rnt.card.driver import CardInReader, Met, Options
from host_tools.rnt.card.inputs import SECRETS, load_profile
from host_tools.rnt.card.plan import LOOK, VERIFY, WRITE, Plan, plan_for_card, plan_offline
from host_tools.rnt.card.progress import Progress
from host_tools.rnt.card.refusals import TOUCHED, TOUCHED_HINT, apart, stopped
from host_tools.rnt.card.view import Viewer
from host_tools.rnt.command import rnt_command
from host_tools.rnt.outcome import ExitCode, Result, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hal.sim_card.profile import Profile
    from host_tools.rnt.card.wire import Exchange
    from host_tools.rnt.console import Console

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Result]")
CLOSE_S = 1.0
MODELS = {card_type.name: card_type for card_type in CARD_TYPES}


def reader_options(body: F) -> F:
    """Add the options that name a reader and what is told of the exchanges."""
    for option in (
        click.option("--show", is_flag=True, help="Show the subscriber's numbers too. Keys are never shown."),
        click.option("--trace", is_flag=True, help="Print every APDU on stderr, secrets blanked."),
        click.option("--pcscd-socket", metavar="PATH", help="Socket of the PC/SC service, where it is not the system's."),
        click.option("--terminal", envvar="RNT_DEVICE", metavar="TERMINAL", help="local:/path/terminal.toml: the reader named there."),
        click.option("--reader", metavar="NAME", help="Exact name of the PC/SC reader."),
    ):
        body = option(body)
    return body


def profile_options(body: F) -> F:
    """Add the options that name a profile and its secrets."""
    secrets = click.option("--secrets", metavar="FILE", help="File (mode 0600) with the keys adm, k, opc, key_adm; - is standard input.")
    settings = click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="One item, over the file's; may be repeated.")
    return click.argument("profile", type=click.Path(path_type=Path, dir_okay=False))(settings(secrets(body)))


class Desk:
    """One command's card work: the reader, the console, who watches; every failure becomes how the command ends."""

    def __init__(self, console: Console, options: dict[str, Any], secrets: tuple[bytes, ...] = ()) -> None:
        self._console, self._trace = console, bool(options["trace"])
        self.watcher: Callable[[Exchange], None] | None = None
        reader, socket = _reader(options)
        self.reader = reader
        self.card = CardInReader(Options(reader, socket, bool(options["show"]), self._see), secrets)

    def run(self, work: Callable[[CardInReader], T], *, writing: bool = False) -> T:
        """Run ``work`` on the card; raises :class:`Stopped`."""
        try:
            return apart(lambda: work(self.card), self._console.deadline)
        except HalError as error:
            raise stopped(error, updates=self.card.transport.updates if writing else None) from error
        except KeyboardInterrupt:
            if writing and self.card.transport.updates:
                raise Stopped(ExitCode.INTERRUPTED, f"Interrupted.{TOUCHED}", TOUCHED_HINT) from None
            raise

    def close(self) -> None:
        """Power the card off; a reader that hangs is left to the process's end, which does the same."""
        with suppress(Stopped):
            apart(self.card.close, self._console.deadline.sooner(CLOSE_S))

    def _see(self, exchange: Exchange) -> None:
        if self._trace:
            shown = exchange.shown
            self._console.progress("card", exchange.line, command=shown.name, target=shown.target, apdu=shown.apdu, answer=exchange.answer)
        elif self.watcher:
            self.watcher(exchange)


@rnt_command()
@reader_options
def info(console: Console, **options: Any) -> Result:
    """Print what a card tells of itself: model, ICCID, key counters, files."""
    with closing(Desk(console, options)) as desk:
        seen = desk.run(lambda card: looking.look(card, console.deadline))
    imsi = seen.identity.imsi
    data = {
        "reader": desk.reader,
        "atr": seen.met.atr.hex().upper(),
        "model": seen.met.card_type.name if seen.met.card_type else None,
        "iccid": seen.identity.iccid,
        "state": seen.state,
        "imsi": imsi if imsi is None or options["show"] else looking.mask(imsi),
        "keys": [key.to_json() for key in seen.keys],
        "files": [file.to_json() for file in seen.files],
    }
    return Result(data, _card_text(data), hint="" if data["model"] else "this model cannot be written; hal/sim_card says how to add one")


@rnt_command()
@profile_options
@click.option("--offline", is_flag=True, help="Use no reader; plan for a blank card of --model.")
@click.option("--model", type=click.Choice(sorted(MODELS)), help="Card model, with --offline.")
@reader_options
def plan(console: Console, profile: Path, secrets: str | None, model: str | None, *, offline: bool, **options: Any) -> Result:
    """Print the commands a write would send, and send none that writes.

    PROFILE is a TOML file, or JSON when it is called so, with the keys iccid, imsi, msisdn, spn, smsc, hplmn_act, ehplmn, fplmn,
    mnc_length, adm_ref, and where they are wanted msisdn_on_card, li, hpplmn, ust, plmn_act, oplmn_act, ecc, routing_indicator.

    --set gives one of them on the command line, but for imsi and msisdn: --set spn=Operator --set hplmn_act=46000:4000,46000:8000
    --set li=zh,en --set ust=12,19,42-43 --set msisdn_on_card=true --set ecc=112:00 --set fplmn= (none).
    """
    if offline != (model is not None):
        raise Stopped(ExitCode.USAGE, "--offline and --model go together.", f"--offline --model {next(iter(MODELS))}, or neither")
    wanted = load_profile(profile, secrets, needed=False, settings=options["settings"])
    if model:
        try:
            found = plan_offline(MODELS[model], wanted, Viewer(_hidden(wanted), personal=bool(options["show"])))
        except HalError as error:
            raise stopped(error) from error
        return Result({"model": model, "iccid": None, "state": "blank", **found.to_json()}, found.to_text())
    with closing(Desk(console, options, _hidden(wanted))) as desk:
        met, identity, found = _plan(desk, console, wanted)
    state = "blank" if met.blank else "personalised"
    if not met.blank:
        console.warn(f"The card {identity} has a subscriber, or hides whether it has; rnt card write refuses it without --override-live.")
    data = {"model": met.card_type.name if met.card_type else None, "iccid": identity, "state": state, **found.to_json()}
    return Result(data, found.to_text())


@rnt_command(mutates=True)
@profile_options
@click.option("--last-try", is_flag=True, help="Present a key that has one try left; when it is wrong, the card is dead.")
@click.option("--override-live", metavar="ICCID", help="Write even a card with a subscriber: the one of this ICCID, no other.")
@reader_options
def write(console: Console, profile: Path, secrets: str | None, override_live: str | None, *, last_try: bool, **options: Any) -> Result:
    """Write a profile to a blank card and read it back.

    The plan is shown before and the card is compared with the profile afterwards; exit code 7 when they differ.
    """
    wanted = load_profile(profile, secrets, needed=True, settings=options["settings"])
    with closing(Desk(console, options, _hidden(wanted))) as desk:
        met, iccid, planned = _plan(desk, console, wanted, override_live=override_live, refuse_live=True, ordered=last_try)
        if console.dry_run:
            return Result({"iccid": iccid, **planned.to_json()}, planned.to_text())
        if not console.as_json:
            click.echo(planned.totals_text() if console.assume_yes else planned.to_text(), err=True)
        question = f"Write {len(planned.of(WRITE))} commands to card {iccid}?"
        console.confirm(question if met.blank else f"Card {iccid} HAS A SUBSCRIBER, who will be lost. {question}")
        return _write(desk, console, wanted, iccid, planned, live=not met.blank, last_try=last_try)


@rnt_command()
@profile_options
@reader_options
def verify(console: Console, profile: Path, secrets: str | None, **options: Any) -> Result:
    """Compare a card with a profile, file by file, and write nothing. Exit code 7 when they differ."""
    wanted = load_profile(profile, secrets, needed=False, settings=options["settings"])
    with closing(Desk(console, options, _hidden(wanted))) as desk:
        found = desk.run(lambda card: card.read_back(wanted, console.deadline))
        apdus, octets = desk.card.spent
    data = {"equal": not found.mismatched, "mismatched": list(found.mismatched), "unread": list(found.keys), "iccid": found.iccid}
    data |= {"apdus": apdus, "bytes": octets}
    if found.mismatched:
        text = f"card {found.iccid} differs in {', '.join(found.mismatched)}"
        return Result(data, text, ExitCode.VERIFICATION, "rnt card plan shows what a write would change")
    return Result(data, f"card {found.iccid} holds the profile{_unread(found.keys)}: {apdus} commands, {octets} bytes, nothing written")


def _plan(
    desk: Desk, console: Console, wanted: Profile, *, override_live: str | None = None, refuse_live: bool = False, ordered: bool = True
) -> tuple[Met, str, Plan]:
    """Return the card, its ICCID and the plan for it; with ``refuse_live`` stops at a card with a subscriber that was not named."""
    met = desk.run(lambda card: card.meet(console.deadline))
    if met.identity is None:
        raise Stopped(ExitCode.FAILED, f"No known card model has the ATR {met.atr.hex().upper()}.", "rnt card info shows what it is")
    iccid = met.identity.iccid
    if refuse_live and override_live is not None and override_live != iccid:
        raise Stopped(ExitCode.UNSAFE, f"The card in the reader is {iccid}, not the one you named. Nothing was written.", "rnt card info")
    if refuse_live and not met.blank and override_live is None:
        raise Stopped(
            ExitCode.UNSAFE,
            f"The card {iccid} has a subscriber, or hides whether it has. Nothing was written.",
            f"take a blank card; a card of your own is written with --override-live {iccid}",
        )
    return met, iccid, desk.run(lambda card: plan_for_card(card, wanted, iccid, console.deadline, ordered=ordered))


def _write(desk: Desk, console: Console, wanted: Profile, iccid: str, planned: Plan, *, live: bool, last_try: bool) -> Result:
    before = desk.card.spent
    with console.task("write", ""), Progress("write", len(planned.of(LOOK, WRITE)), quiet=console.as_json) as desk.watcher:
        done = desk.run(lambda card: card.write(wanted, iccid, console.deadline, override=live, ordered=last_try), writing=True)
    middle = desk.card.spent
    with console.task("verify", ""), Progress("verify", len(planned.of(VERIFY)), quiet=console.as_json) as desk.watcher:
        found = desk.run(lambda card: card.read_back(wanted, console.deadline), writing=True)
    after = desk.card.spent
    data = {
        "iccid": found.iccid,
        "written": list(done.written),
        "skipped": list(done.skipped),
        "equal": not found.mismatched,
        "mismatched": list(found.mismatched),
        "unread": list(found.keys),
        "write": _spent(before, middle),
        "verify": _spent(middle, after),
    }
    if found.mismatched:
        text = f"card {found.iccid or iccid} was written and differs in {', '.join(found.mismatched)}"
        return Result(data, text, ExitCode.VERIFICATION, "scrap the card, or rnt card verify once more")
    counted = f"{len(done.written)} files written" + (f", {len(done.skipped)} were right already" if done.skipped else "")
    text = f"card {found.iccid}: {counted}, all read back equal{_unread(found.keys)}"
    return Result(data, text, ExitCode.OK if done.written else ExitCode.NOTHING_TO_DO)


def _unread(keys: Sequence[str]) -> str:
    """Name what no read-back compares; the operator's challenge proves it."""
    return f" (not compared: {', '.join(keys)})" if keys else ""


def _spent(before: tuple[int, int], after: tuple[int, int]) -> dict[str, int]:
    return {"apdus": after[0] - before[0], "bytes": after[1] - before[1]}


def _hidden(wanted: Profile) -> tuple[bytes, ...]:
    """Return the profile's secrets as they would appear in a command."""
    found = [getattr(wanted, name, None) for name in SECRETS]
    return tuple(value for value in found if isinstance(value, bytes) and any(value))


def _reader(options: dict[str, Any]) -> tuple[str, str | None]:
    """Return the reader's name and the service's socket; raises :class:`Stopped`."""
    name, terminal = options["reader"], options["terminal"]
    if name:
        return str(name), options["pcscd_socket"]
    kind, _, path = (terminal or "").partition(":")
    if kind != "local" or not path:
        raise Stopped(ExitCode.USAGE, "Which reader?", "use --reader NAME or --terminal local:/path/terminal.toml")
    try:
        config = load(Path(path)).sim_card
    except ConfigError as error:
        raise Stopped(
            ExitCode.NOT_FOUND, f"The configuration cannot be used: {error}.", "correct it, or name the reader with --reader"
        ) from error
    return config.reader, options["pcscd_socket"] or config.pcscd_socket or None


def _card_text(data: dict[str, Any]) -> str:
    lines = [f"reader  {data['reader']}", f"ATR     {data['atr']}", f"model   {data['model'] or 'unknown'}"]
    lines += [f"ICCID   {data['iccid'] or 'unreadable'}", f"state   {data['state']}" + (f", IMSI {data['imsi']}" if data["imsi"] else "")]
    lines += [f"key {key['reference']}  {key['name']:<5} {_tries(key['left'])}" for key in data["keys"]]
    for file in data["files"]:
        size = f"{file['records']} × {file['record_length']}" if file.get("records") else str(file.get("size", "?"))
        lines.append(f"file    {file['path']:<20} {file['fid']}  sfi {file.get('sfi') or '-':<3} {size} bytes")
    return "\n".join(lines)


def _tries(left: int | None) -> str:
    if left is None:
        return "does not tell"
    return {0: "blocked", 1: "1 try left"}.get(left, f"{left} tries left")
