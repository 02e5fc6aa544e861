# SPDX-License-Identifier: Apache-2.0
# RP2350 stepping A4 or later. Build with MicroPython 1.29: BOARD_DIR points at this folder.
set(PICO_BOARD "pico2")
set(PICO_PLATFORM "rp2350-arm-s")
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
# Two sectors of 4096 bytes; block 0 holds the secret page.
set(MICROPY_HW_FLASH_STORAGE_BYTES 8192)
