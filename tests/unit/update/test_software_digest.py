# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from firmware.update.software import SHIPPED, SoftwareUnreadable, software_digest, software_manifest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package ``shipped`` in ``tmp_path``, found by a process started there."""
    root = tmp_path / "shipped"
    (root / "inner").mkdir(parents=True)
    (root / "__init__.py").write_bytes(b"")
    (root / "inner" / "b.py").write_bytes(b"b")
    (root / "a-b.txt").write_bytes(b"data")
    return root


def _manifest(package: Path) -> str:
    code = "import sys; from firmware.update.software import *; sys.stdout.buffer.write(software_manifest('shipped'))"
    environment = {"PYTHONPATH": f"{package.parent}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, text=True)
    return done.stdout if done.returncode == 0 else done.stderr


def test_manifest_lists_every_file_sorted_by_path(package: Path) -> None:
    expected = [(b"", "__init__.py"), (b"data", "a-b.txt"), (b"b", "inner/b.py")]
    assert _manifest(package) == "".join(f"{sha256(content).hexdigest()}  shipped/{name}\n" for content, name in expected)


def test_manifest_is_what_sha256sum_checks() -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet"], input=software_manifest("hal"), cwd=ROOT, check=False)
    assert done.returncode == 0


def test_byte_code_does_not_count(package: Path) -> None:
    before = _manifest(package)
    (package / "inner" / "__pycache__").mkdir()
    (package / "inner" / "__pycache__" / "b.pyc").write_bytes(b"byte code")
    assert _manifest(package) == before


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_any_change_of_a_file_changes_the_manifest(package: Path, change: str) -> None:
    before = _manifest(package)
    file = package / "inner" / "b.py"
    match change:
        case "content":
            file.write_bytes(b"c")
        case "name":
            file.rename(package / "inner" / "c.py")
        case "more":
            (package / "inner" / "c.py").write_bytes(b"")
        case _:
            file.unlink()
    assert _manifest(package) != before


@pytest.mark.parametrize("name", ["new\nline", "back\\slash"])
def test_file_name_that_would_forge_a_line_is_refused(package: Path, name: str) -> None:
    (package / name).write_bytes(b"")
    assert "SoftwareUnreadable" in _manifest(package)


def test_link_in_a_package_is_refused(package: Path) -> None:
    (package / "link.py").symlink_to("/etc/hostname")
    assert "SoftwareUnreadable" in _manifest(package)


@pytest.mark.parametrize("name", ["no_such_package_here", "json.decoder", "", "../firmware", "this"])
def test_unknown_package_is_refused(name: str) -> None:
    with pytest.raises(SoftwareUnreadable):
        software_digest(name)


def test_digest_is_over_the_manifest_of_what_ships() -> None:
    assert software_digest() == sha256(software_manifest(*SHIPPED)).digest()
    assert len(software_digest("firmware")) == 32
    assert software_digest("firmware", "hal") == software_digest("hal", "firmware") == software_digest()
