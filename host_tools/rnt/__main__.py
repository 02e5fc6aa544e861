# SPDX-License-Identifier: Apache-2.0
"""``python -m host_tools.rnt``: the same as ``rnt``."""

from host_tools.rnt.main import main

main()
