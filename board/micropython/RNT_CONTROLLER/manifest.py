# SPDX-License-Identifier: Apache-2.0
# What is frozen into the controller's image. Not the port's own manifest: its _boot.py reformats the flash on any mount error.
module("_boot.py", opt=3)
module("rp2.py", base_path="$(PORT_DIR)/modules", opt=3)
for name in ("boot.py", "core.py", "hal.py", "link.py", "main.py", "page.py", "share.py", "signals.py"):
    module(name, base_path="$(BOARD_DIR)/../../../firmware/controller", opt=3)
