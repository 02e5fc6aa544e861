# SPDX-License-Identifier: Apache-2.0
"""What a session leaves in memory: nothing that can be read afterwards.

Rules
* Every block of memory is overwritten when it is freed: Python asks the C library for each object, and the C library fills what it takes
  back (glibc's ``malloc.perturb``; neither its per-thread cache nor its fast bins, which are filled late or not to the end). Both are
  settings of a process' start, so the program starts itself over when it finds them missing. The device workers inherit them.
* A dump of this process or of a worker holds no memory: nothing personal gets to a disk or to a crash collector.
* After each session the cycles are collected, so that what nobody needs is freed then and not some time later.

It does not clear what is still referenced, nor stacks and registers; ``tests/system/privacy`` reads the memory of a rested terminal and of
its workers and finds nothing. Keeping memory out of the swap is the service manager's part. Basis: DS-04, DS-09, DS-14.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import Final

WIPING: Final = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
}
"""Environment under which every freed block is overwritten."""
_NO_MEMORY: Final = "0"
"""core(5): no kind of mapping goes into a dump."""


def start_over_wiping() -> None:
    """Replace this process by the same program under :data:`WIPING`; returns when it is already running so."""
    if all(os.environ.get(name) == value for name, value in WIPING.items()):
        return
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **WIPING})  # noqa: S606  # the very program that runs, no shell


def dump_nothing() -> None:
    """Keep memory out of core dumps of this process and of its children, whoever collects them."""
    with contextlib.suppress(OSError):  # a kernel without dumps has no filter
        Path("/proc/self/coredump_filter").write_text(_NO_MEMORY, encoding="ascii")


def forget() -> None:
    """Free, and thereby overwrite, what only cycles still hold."""
    gc.collect()
