# SPDX-License-Identifier: Apache-2.0
"""An installation that is cut at any rename is carried out at the next start, or has not happened."""

from pathlib import Path

import pytest

from firmware.runtime import installation

OLD = {"keys/record.pem": b"old record", "trust/trust.json": b"old trust"}
NEW = {"keys/record.pem": b"new record", "keys/tls.pem": b"new tls", "trust/trust.json": b"new trust"}


def contents(state_dir: Path) -> dict[str, bytes]:
    return {str(path.relative_to(state_dir)): path.read_bytes() for path in state_dir.rglob("*") if path.is_file()}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    for name, content in OLD.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_commit_replaces_all_files_and_leaves_no_stage(state_dir: Path) -> None:
    installation.stage(state_dir, NEW)
    installation.commit(state_dir)
    assert contents(state_dir) == OLD | NEW
    assert not (state_dir / "next").exists()


def test_stage_without_commit_changes_nothing_in_use(state_dir: Path) -> None:
    installation.stage(state_dir, NEW)
    assert installation.finish(state_dir) is False
    assert {name: (state_dir / name).read_bytes() for name in OLD} == OLD


@pytest.mark.parametrize("renamed", range(len(NEW) + 1))
def test_finish_after_a_cut_at_each_rename_carries_out_the_rest(state_dir: Path, renamed: int) -> None:
    installation.stage(state_dir, NEW | {"commit": b""})
    for name in sorted(NEW)[:renamed]:
        (state_dir / name).parent.mkdir(exist_ok=True)
        (state_dir / "next" / name).replace(state_dir / name)
    assert installation.finish(state_dir) is True
    assert contents(state_dir) == OLD | NEW


def test_staged_files_are_private(state_dir: Path) -> None:
    installation.stage(state_dir, NEW)
    modes = {path.stat().st_mode & 0o777 for path in (state_dir / "next").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_discard_forgets_what_was_never_decided(state_dir: Path) -> None:
    installation.stage(state_dir, NEW)
    installation.discard(state_dir)
    assert contents(state_dir) == OLD
