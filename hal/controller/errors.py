# SPDX-License-Identifier: Apache-2.0
"""What the controller can answer beside a result."""

from __future__ import annotations

from hal.errors import HalError


class Tampered(HalError):
    """The controller has seen its case opened and will do nothing more until the factory has renewed it."""

    kind = "tampered"


class Refused(HalError):
    """The controller does not do this; ``data["code"]`` is its status, ``data["state"]`` the state it is in."""

    kind = "refused"
