# SPDX-License-Identifier: Apache-2.0
"""Show one activation without hardware: ``./run demo``.

Exit codes: 0 the number is active, a power cut came to a correct ending, or a scenario ended as it should; 1 refused, or a wrong ending;
3 a scenario that has nothing to show, or not yet; 70 the demonstration could not be shown; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from host_tools.demo import scenarios, scene
from host_tools.demo.cut import STEPS, PowerCut
from host_tools.demo.ending import ACTIVE, Ending, Facts
from host_tools.demo.errors import DemoFailed, OutputLost
from host_tools.demo.paper import Paper
from host_tools.demo.rig import Rig
from host_tools.demo.story import Story
from host_tools.demo.summary import tell_ending, tell_summary
from host_tools.demo.terminal import Screen, Terminal, provision, provision_arguments
from host_tools.demo.texts import LANGUAGES, Words, language_of_machine

if TYPE_CHECKING:
    from collections.abc import Callable

OK, REFUSED, NOT_SHOWN, FAILED, INTERRUPTED = 0, 1, 3, 70, 130
CARDS: Final = {"fields": "blank-usim", "script": "blank-usim", "unlock": "usim-unlock", "relay": "blank-usim"}
"""Issue mode → the card in the slot, unless another one is chosen."""


class Demo:
    """One demonstration, from the rig to the ending."""

    def __init__(self, options: argparse.Namespace, paper: Paper, words: Words) -> None:
        self._options, self._paper, self._words = options, paper, words
        self._scenario = scenarios.load()[options.scenario] if options.scenario else None

    def show(self) -> int:
        """Show everything and return the exit code."""
        if self._scenario and not self._scenario.sessions:
            scene.tell_why_not(self._scenario, self._paper, self._words)
            self._paper.event("scenario", name=self._scenario.name, sessions=[], correct=None)
            return NOT_SHOWN
        self._paper.heading(self._words("title"))
        if self._scenario:
            self._paper.plain(f"{self._scenario.name}  {self._scenario.zh if self._words.language == 'zh' else self._scenario.en}")
        self._paper.heading(self._words("preparing"))
        with contextlib.ExitStack() as stack:
            rig: Rig = self._task("rig", lambda: stack.enter_context(Rig(self._rig_arguments())))
            if self._options.people:
                rig.device("desk", "script", **self._options.people)
            self._task("provision", lambda: provision(rig.terminal, rig.list))
            terminal = Terminal(rig.terminal)
            stack.callback(terminal.switch_off)
            screen = Screen(rig.list["kiosk"])
            stack.callback(screen.close)
            story = Story(rig, terminal, screen, self._paper, self._words, self._options.issue_mode)
            self._task("start", story.begin)
            if self._scenario:
                return OK if scene.play(self._scenario, rig, story, self._paper, self._words) else REFUSED
            return self._session(rig, terminal, story)

    def _rig_arguments(self) -> list[str]:
        empty = ["--option", "sim_card=--empty"] if self._options.power_cut == "card" else []
        mode = ["--option", f"backend=--mode={self._options.issue_mode}"]
        card = self._options.card or CARDS[self._options.issue_mode]
        scenario = self._scenario.rig if self._scenario else ()
        return ["--persona", self._options.persona, "--card", card, *empty, *mode, *scenario]

    def _task(self, name: str, work: Callable[[], Any]) -> Any:
        begin = time.monotonic()
        with self._paper.working(self._words(name), self._words(f"{name}.work")):
            done = work()
        ms = (time.monotonic() - begin) * 1000
        values: dict[str, Any] = {}
        if name == "rig":
            values = {"count": len(done.list["devices"])}
        if name == "provision":
            values = {"operator": done["operator"]["id"]}
        self._paper.event("task", name=name, ms=round(ms, 1), **values)
        self._paper.line("✓", self._words(name), self._words(f"{name}.done", **values), self._words.duration(ms))
        if name == "rig":
            self._paper.line(" ", "", "$ rnt " + " ".join(provision_arguments(done.terminal, done.list)[:3]) + " …", style="dim")
        return done

    def _session(self, rig: Rig, terminal: Terminal, story: Story) -> int:
        self._paper.heading(self._words("session"))
        step, mode = self._options.power_cut, self._options.issue_mode
        cut = PowerCut(step, rig, terminal, mode) if step else None
        if cut:
            self._paper.plain(self._words("cut.plan", step=self._words(cut.step)), "yellow")
            cut.plan()
        rig.device("desk", "start")
        result = story.follow(cut)
        if cut:
            cut.close()
        facts = Facts.of(rig, story.session)
        ending = facts.judge(result["outcome"])
        tell_summary(self._paper, self._words, result, facts)
        tell_ending(self._paper, self._words, result["outcome"], ending, planned=cut is not None, struck=story.cut)
        self._paper.event(**_final(result, facts, ending, self._plan(story)))
        if ending is Ending.WRONG:
            return REFUSED
        return OK if story.cut or result["outcome"] == ACTIVE else REFUSED

    def _plan(self, story: Story) -> dict[str, Any] | None:
        return {"step": self._options.power_cut, "struck": story.cut} if self._options.power_cut else None


def _final(result: dict[str, Any], facts: Facts, ending: Ending, plan: dict[str, Any] | None) -> dict[str, Any]:
    told = {key: value for key, value in result.items() if key != "type"}
    checked = {"numbers_active": facts.active, "card_updates": facts.updates}
    if facts.waiting:
        checked["numbers_waiting"] = facts.waiting
    return {"kind": "result", **told, "power_cut": plan, "checked": checked, "ending": str(ending), "correct": ending is not Ending.WRONG}


def _people(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError('expected a JSON object, e.g. {"notice": false}')
    return found


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(prog="./run demo", description="Show one activation without hardware.")
    found.add_argument("--lang", choices=LANGUAGES, default=language_of_machine(), help="language of the story")
    found.add_argument("--json", action="store_true", help="JSON lines; the last one is the result")
    found.add_argument("--power-cut", choices=STEPS, metavar="STEP", help=f"cut the power during a step: {', '.join(STEPS)}")
    found.add_argument("--persona", default="zhang", metavar="NAME", help="the subscriber (simulators/personas), e.g. expired")
    found.add_argument("--card", metavar="NAME", help="the card in the slot (simulators/sim_card), e.g. personalised")
    found.add_argument(
        "--issue-mode", choices=tuple(CARDS), default="fields", help="how the operator has the card written (default: fields)"
    )
    found.add_argument("--scenario", choices=tuple(scenarios.load()), metavar="NAME", help="play an acceptance scenario, e.g. GA-05")
    found.add_argument("--list", action="store_true", help="list the acceptance scenarios with their state")
    found.add_argument("--people", type=_people, metavar="JSON", help="how people behave (simulators/desk): '{\"notice\": false}'")
    return found


def main() -> int:
    """Run the demonstration and return the exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream; signs it lacks must not end the story
    try:
        return _main()
    except OutputLost as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer has nowhere to go
        sys.stderr.write(f"./run demo: the story cannot be written ({error}); everything was ended\n")
        return FAILED


def _main() -> int:
    options = parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # everything that was started must be ended
    paper, words = Paper(as_json=options.json), Words(options.lang)
    if options.list:
        scene.tell_all(paper, words)
        return OK
    try:
        return Demo(options, paper, words).show()
    except DemoFailed as error:
        paper.event("result", outcome="DEMO_FAILED", error=str(error))
        paper.line("✗", "", words("failed", reason=error), style="red")
        return FAILED
    except KeyboardInterrupt:
        paper.event("result", outcome="INTERRUPTED")
        paper.line("!", "", words("interrupted"))
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
