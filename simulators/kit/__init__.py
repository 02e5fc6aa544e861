# SPDX-License-Identifier: Apache-2.0
"""What every simulator process has in common.

A ready line on stdout, a control socket, a fault plan, a transcript, and an end: a simulator stops on SIGTERM, on SIGINT, or
when its standard input closes (``--watch-stdin``), so it never outlives the test that started it.

This package knows no device protocol.
"""

from simulators.kit.control import ControlServer, Handler
from simulators.kit.faults import Fault, FaultPlan
from simulators.kit.process import SimulatorProcess, add_common_arguments, from_arguments
from simulators.kit.transcript import Transcript

__all__ = [
    "ControlServer",
    "Fault",
    "FaultPlan",
    "Handler",
    "SimulatorProcess",
    "Transcript",
    "add_common_arguments",
    "from_arguments",
]
