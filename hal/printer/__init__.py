# SPDX-License-Identifier: Apache-2.0
"""Receipts on an ESC/POS text printer at a serial port.

``escpos`` builds and reads the bytes, ``printer`` speaks with the device, ``service`` offers it to the worker process. What a
receipt says, and that it is masked, is decided by whoever hands in the lines.
"""
