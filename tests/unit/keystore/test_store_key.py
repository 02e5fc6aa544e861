# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from firmware.keystore import KeyExists, KeyMissing, KeyUnfit, KeyUnsafe, create_store_key, load_store_key

if TYPE_CHECKING:
    from pathlib import Path


def test_store_key_created_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "store.key"
    key = create_store_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_store_key(path) == key


def test_store_keys_differ(tmp_path: Path) -> None:
    assert create_store_key(tmp_path / "a") != create_store_key(tmp_path / "b")


def test_store_key_is_never_overwritten(tmp_path: Path) -> None:
    key = create_store_key(tmp_path / "store.key")
    with pytest.raises(KeyExists):
        create_store_key(tmp_path / "store.key")
    assert load_store_key(tmp_path / "store.key") == key


def test_store_key_missing_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        load_store_key(tmp_path / "store.key")


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33), bytes(100_000)])
def test_store_key_of_a_wrong_length_is_unfit(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnfit):
        load_store_key(path)


def test_store_key_open_to_others_is_unsafe(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    create_store_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnsafe):
        load_store_key(path)
    path.chmod(0o600)
    link = tmp_path / "link.key"
    link.symlink_to(path)
    with pytest.raises(KeyUnsafe):
        load_store_key(link)
