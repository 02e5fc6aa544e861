# SPDX-License-Identifier: Apache-2.0
"""Where everything of a rig lies, and the arguments of each simulator. Pure data.

Unix socket paths end at 107 bytes, so names are short and the directory should be too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODULES: Mapping[str, str] = {
    "pcscd": "simulators.pcscd",
    "sim_card": "simulators.sim_card",
    "id_reader": "simulators.id_reader",
    "controller": "simulators.controller",
    "camera": "simulators.camera",
    "document_camera": "simulators.camera",
    "printer": "simulators.printer",
    "backend": "simulators.backend",
    "desk": "simulators.desk",
}
"""Everything on the rig, by name. The order is the order of starting; what needs an endpoint of another waits for it."""

SOURCES = Path(__file__).parents[2] / "firmware/packs"
PACKS = [part for name in ("base", "mobile", "jiangxi") for part in ("--pack", str(SOURCES / f"cn-{name}.toml"))]
"""The policy packs the rig's operator signs: the floor, a carrier, a region. Their sources are data; no code is shared."""

AFTER: Mapping[str, str] = {"sim_card": "pcscd"}
"""Device → the device whose ready line it needs."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller of the rig may choose. ``options`` are further arguments by device."""

    persona: str
    card: str
    think_ms: float
    options: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The directory of one rig."""

    root: Path

    def make(self) -> None:
        """Make the directories."""
        for name in ("control", "dev", "log", "run"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def control(self, device: str) -> Path:
        """Return the control socket of ``device``."""
        return self.root / "control" / device

    def transcript(self, device: str) -> Path:
        """Return the transcript of ``device``."""
        return self.root / "log" / f"{device}.jsonl"

    def device(self, name: str) -> Path:
        """Return the stable path at which a terminal finds a device."""
        return self.root / "dev" / name

    @property
    def pool(self) -> Path:
        """The operator's blank cards."""
        return self.root / "blanks.json"

    @property
    def run_dir(self) -> Path:
        """The terminal's run directory."""
        return self.root / "run"

    @property
    def state_dir(self) -> Path:
        """The terminal's state directory; ``rnt provision`` fills it."""
        return self.root / "state"

    @property
    def kiosk(self) -> Path:
        """The terminal's kiosk socket."""
        return self.run_dir / "kiosk.sock"

    def arguments(self, device: str, choices: Choices, ready: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Return how ``device`` is started; ``ready`` holds the endpoints of those that are."""
        common = ["--transcript", str(self.transcript(device))]
        return [*common, *self._own(device, choices, ready), *choices.options.get(device, ())]

    def _own(self, device: str, choices: Choices, ready: Mapping[str, Mapping[str, str]]) -> list[str]:
        own: Mapping[str, Callable[[], list[str]]] = {
            "pcscd": lambda: ["--run-dir", str(self.root / "pcscd")],
            "sim_card": lambda: ["--slot-socket", ready["pcscd"]["slot_socket"], "--card", choices.card, "--nvm", str(self.root / "card")],
            "id_reader": lambda: ["--link", str(self.device("id-reader"))],
            "controller": lambda: ["--link", str(self.device("controller")), "--reader-control", str(self.control("id_reader"))],
            "camera": lambda: ["--socket", str(self.device("camera")), "--persona", choices.persona],
            "document_camera": lambda: ["--socket", str(self.device("document-camera")), "--table"],
            "printer": lambda: ["--link", str(self.device("printer"))],
            "backend": lambda: ["--state", str(self.root / "operator"), "--blank", f"@{self.pool}", *PACKS],
            "desk": lambda: self._desk(choices),
        }
        return own[device]()

    def _desk(self, choices: Choices) -> list[str]:
        controls = [
            part
            for name in ("controller", "id_reader", "sim_card", "camera", "document_camera")
            for part in (f"--{name.replace('_', '-')}-control", str(self.control(name)))
        ]
        script = f'{{"persona": "{choices.persona}"}}'
        return ["--kiosk", str(self.kiosk), "--think-ms", str(choices.think_ms), "--script", script, *controls]
