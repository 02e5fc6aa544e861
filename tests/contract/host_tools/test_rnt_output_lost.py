# SPDX-License-Identifier: Apache-2.0
"""A full disk behind standard output, or a locale without our signs: told in a sentence, never in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("host_tools.rnt", "version"), 1, "next: rnt terminal info"),
        (("host_tools.rnt", "version", "--json"), 1, "next: rnt terminal info"),
        (("host_tools.demo",), 70, "the story cannot be written"),
        (("host_tools.demo", "--json", "--persona", "nobody"), 70, "the story cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_output_that_cannot_be_written_is_told_in_a_sentence(command: tuple[str, ...], code: int, says: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (code, True, False)


def test_output_signs_that_the_locale_lacks_are_spelled_out() -> None:
    command = [sys.executable, "-m", "host_tools.demo", "--lang", "zh", "--people", "{}", "--persona", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **ASCII})
    assert (done.returncode, "Traceback" in done.stderr) == (70, False)
    assert "\\u2717" in done.stdout
