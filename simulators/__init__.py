# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the devices around the terminal, one process each, at the wire.

Nothing here imports firmware, hal or host_tools, and nothing there imports this.
"""
