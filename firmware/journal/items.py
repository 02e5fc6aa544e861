# SPDX-License-Identifier: Apache-2.0
"""The sealed items of sessions in their two drawers: put in, taken out, destroyed.

Decides by an item's name in which drawer it lies: ``biometric/…`` are pictures of faces and papers, everything else is text (DS-10). Runs
inside the transactions of :class:`firmware.journal.journal.Journal`, which decides when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.journal import sealing
from firmware.journal.errors import ItemGone, JournalCorrupt
from firmware.journal.sealing import BIOMETRIC, DRAWERS, TEXTS, Drawer
from firmware.journal.values import BIOMETRIC_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.journal.store import Store


def drawer_of(name: str) -> Drawer:
    """Return the drawer an item of this name lies in."""
    return BIOMETRIC if name.startswith(BIOMETRIC_NAME) else TEXTS


class Items:
    """The items of one open store."""

    def __init__(self, store: Store, store_key: bytes) -> None:
        self._store = store
        self._store_key = store_key

    def take(self, session: bytes, name: str) -> bytes:
        """Return an item's content; raises :class:`ItemGone`, or :class:`JournalCorrupt` when it does not open."""
        drawer = drawer_of(name)
        found = self._store.query(
            f"SELECT k.wrapped, i.sealed FROM session s JOIN {drawer.keys} k ON k.session = s.id"  # noqa: S608  # a table of ours
            f" JOIN {drawer.items} i ON i.session = s.id WHERE s.name = ? AND i.name = ?",
            (session, name),
        )
        if not found:
            raise ItemGone(f"session {session.hex()} holds no item {name}")
        try:
            return sealing.open_item(self._store_key, found[0][0], session, name, found[0][1], drawer)
        except sealing.Unsealable as error:
            self._store.stop("a sealed item is damaged")
            raise JournalCorrupt("a sealed item is damaged") from error

    def names(self, session: bytes) -> tuple[str, ...]:
        """Return the names of a session's items, in order of name."""
        found: list[str] = []
        for drawer in DRAWERS:
            rows = self._store.query(
                f"SELECT i.name FROM session s JOIN {drawer.items} i ON i.session = s.id WHERE s.name = ?",  # noqa: S608  # a table of ours
                (session,),
            )
            found += [str(name) for (name,) in rows]
        return tuple(sorted(found))

    def put(self, number: int, session: bytes, items: Mapping[str, bytes]) -> None:
        """Seal items of a session; the same name again replaces. ``number`` is the session's in the file."""
        for drawer in DRAWERS:
            if mine := {name: content for name, content in items.items() if drawer_of(name) is drawer}:
                self._put(drawer, number, session, mine)

    def destroy(self, number: int) -> None:
        """Delete a session's keys and items."""
        for drawer in DRAWERS:
            self._store.execute(f"DELETE FROM {drawer.items} WHERE session = ?", (number,))  # noqa: S608  # a table of ours
            self._store.execute(f"DELETE FROM {drawer.keys} WHERE session = ?", (number,))  # noqa: S608  # the same

    def check(self) -> None:
        """Open every sealed item once and drop it; raises :class:`JournalCorrupt` when one does not open."""
        for drawer in DRAWERS:
            for (number,) in self._store.query(f"SELECT id FROM {drawer.items} ORDER BY id"):  # noqa: S608  # a table of ours
                self._check(drawer, number)

    def _check(self, drawer: Drawer, number: int) -> None:
        found = self._store.query(
            f"SELECT s.name, k.wrapped, i.name, i.sealed FROM {drawer.items} i JOIN session s ON s.id = i.session"  # noqa: S608  # a table of ours
            f" JOIN {drawer.keys} k ON k.session = i.session WHERE i.id = ?",
            (number,),
        )
        if not found:
            raise JournalCorrupt("an item has lost its key")
        session, wrapped, name, sealed = found[0]
        try:
            sealing.open_item(self._store_key, wrapped, session, name, sealed, drawer)
        except sealing.Unsealable as error:
            raise JournalCorrupt("a sealed item is damaged") from error

    def _put(self, drawer: Drawer, number: int, session: bytes, items: Mapping[str, bytes]) -> None:
        if found := self._store.query(f"SELECT wrapped FROM {drawer.keys} WHERE session = ?", (number,)):  # noqa: S608  # a table of ours
            wrapped: bytes = found[0][0]
        else:
            wrapped = sealing.new_session_key(self._store_key, session, drawer)
            self._store.execute(f"INSERT INTO {drawer.keys} (session, wrapped) VALUES (?, ?)", (number, wrapped))  # noqa: S608  # the same
        for name, content in items.items():
            try:
                sealed = sealing.seal_item(self._store_key, wrapped, session, name, content, drawer)
            except sealing.Unsealable as error:
                self._store.stop("a session key is damaged")
                raise JournalCorrupt("a session key is damaged") from error
            self._store.execute(
                f"INSERT INTO {drawer.items} (session, name, sealed) VALUES (?, ?, ?)"  # noqa: S608  # a table of ours
                " ON CONFLICT (session, name) DO UPDATE SET sealed = excluded.sealed",
                (number, name, sealed),
            )
