# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest

from firmware.runtime.memory import WIPING

LEFT_BEHIND = """
import ctypes
size = {size}
block = b"canary in memory " * (size // 17)
address = id(block) + bytes.__basicsize__ - 1
del block
print(ctypes.string_at(address, size // 2).count(b"canary"))
"""
"""Frees an object and looks at the place where it was."""

STARTS_OVER = """
import os
from firmware.runtime import memory
print("here", flush=True)
memory.start_over_wiping()
print(os.environ["PYTHONMALLOC"])
"""


def run(program: str, **environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if name not in WIPING}
    done = subprocess.run([sys.executable, "-c", program], env=plain | environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("size", [34, 120, 500, 2000, 40000])
def test_freed_memory_is_overwritten_under_the_settings(size: int) -> None:
    assert run(LEFT_BEHIND.format(size=size), **WIPING) == "0\n"
    assert run(LEFT_BEHIND.format(size=2000)) != "0\n"  # without them it can be read


def test_program_without_the_settings_starts_over_once_and_stays() -> None:
    assert run(STARTS_OVER) == "here\nhere\nmalloc\n"
    assert run(STARTS_OVER, **WIPING) == "here\nmalloc\n"
