# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL server: a fresh cluster in a temporary directory, on a Unix socket alone, gone with whoever started it.

PostgreSQL refuses to run as root, so root lends it the account the Debian package made. The kernel ends the server when the process that
started it dies, however it dies (``--pdeathsig``).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "postgres"
READY = "ready to accept connections"
PROGRAMS = Path("/usr/lib/postgresql")


class PostgresMissing(Exception):
    """The server's programs are not installed, or do not start."""


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[str]:
    """Run a server; gives the connection string of its ``postgres`` database.

    ``durable=False`` flushes nothing: for tests that cut no power.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="rnt-pg-"))
    try:
        drop = _owned(folder)
        make = [programs / "initdb", "-D", folder / "data", "-U", ACCOUNT, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        done = subprocess.run([*drop, *map(str, make)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PostgresMissing(f"initdb: {done.stderr.strip()[-300:]}")
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", f"fsync={'on' if durable else 'off'}", "max_connections=50"]
        serve = [str(programs / "postgres"), "-D", str(folder / "data"), *(word for one in settings for word in ("-c", one))]
        server = subprocess.Popen([*drop, *serve], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, process_group=0)
        reading = None
        try:
            reading = _wait(server)
            yield f"host={folder} user={ACCOUNT} dbname=postgres"
        finally:
            server.terminate()
            server.wait()
            if reading is not None:
                reading.join()
            if server.stderr is not None:
                server.stderr.close()
    finally:
        shutil.rmtree(folder)


def fresh_database(dsn: str) -> str:
    """Make an empty database on the server; returns its connection string."""
    name = f"rnt_{os.urandom(6).hex()}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return dsn.replace("dbname=postgres", f"dbname={name}")


def _programs() -> Path:
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found or shutil.which("setpriv") is None:
        raise PostgresMissing("PostgreSQL's server is missing: ./run test installs it, or apt-get install postgresql-15 util-linux")
    return found[-1].parent


def _owned(folder: Path) -> list[str]:
    """Give the folder to the account that may run the server; returns how to become it."""
    die = ["setpriv", "--pdeathsig", "QUIT"]
    if os.getuid() != 0:
        return die
    account = pwd.getpwnam(ACCOUNT)
    os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    return [*die, "--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]


def _wait(server: subprocess.Popen[str]) -> threading.Thread:
    """Wait until the server says it is ready; returns who goes on reading what it says."""
    output: IO[str] | None = server.stderr
    if output is None:
        raise PostgresMissing("postgres")
    said = []
    for line in output:
        said.append(line)
        if READY in line:
            thread = threading.Thread(target=output.read, daemon=True)
            thread.start()
            return thread
    raise PostgresMissing(f"postgres: {''.join(said)[-300:]}")
