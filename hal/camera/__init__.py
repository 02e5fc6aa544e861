# SPDX-License-Identifier: Apache-2.0
"""Evidence pictures: one fresh frame from the live camera or the document camera, marked before it leaves the worker's process.

``frame`` reads the bytes, ``source`` fetches them, ``watermark`` (with ``letters``) marks them, ``service`` offers them to the worker
process; ``portrait`` and ``pages`` mint the values the rest of the terminal accepts. Nothing here compares faces, reads a document or
decides whether a picture is good enough.
"""
