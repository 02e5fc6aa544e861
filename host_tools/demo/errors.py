# SPDX-License-Identifier: Apache-2.0
"""Why a demonstration can fail to be shown. A refused activation is no failure: it is an ending."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demonstration cannot go on. The text says what failed and names the next thing to do."""


class OutputLost(Exception):
    """What was told could not be written: the pipe was closed, the disk is full."""
