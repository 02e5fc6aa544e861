# SPDX-License-Identifier: Apache-2.0
"""A counter camera: a frame source on a Unix stream socket.

Each connection gets one picture taken for it: a 4-byte big-endian length, that many bytes of PGM, end of stream.
"""
