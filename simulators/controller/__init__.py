# SPDX-License-Identifier: Apache-2.0
"""The controller, simulated: its own firmware, unmodified, on a real MicroPython virtual machine behind a pseudo-terminal.

``vm`` runs the virtual machine, ``guest/`` stands in for MicroPython's hardware modules inside it, ``board`` is the hardware around it,
``wire`` the serial line with its faults, ``device`` the power switch. The firmware is mounted as files and never imported.
"""
