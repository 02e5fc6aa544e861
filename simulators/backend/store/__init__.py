# SPDX-License-Identifier: Apache-2.0
"""What the operator remembers, behind one port with two engines: SQLite in a file, PostgreSQL for a fleet.

The statements and the migrations are the same texts on both (``statements/*.sql``, ``migrations/*.sql``); an engine translates the place
holder and the word for a counting key, nothing else. The schema keeps what a schema can keep (a nonce once, an approval spent once); every
limit is one conditional statement, never a read and then a write. :mod:`~simulators.backend.store.postgres` is not loaded here: its library
takes time to load, and most gateways stand on SQLite.
"""

from simulators.backend.store.port import Db, Row, Store, StoreFailed
from simulators.backend.store.sqlite import SqliteStore

__all__ = ["Db", "Row", "SqliteStore", "Store", "StoreFailed"]
