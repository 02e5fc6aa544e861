# SPDX-License-Identifier: Apache-2.0
"""Evidence pictures: one fresh frame from the counter camera, and the portrait made of it.

``frame`` reads the bytes, ``source`` fetches them, ``service`` offers them to the worker process, ``portrait`` mints the one
value the rest of the terminal accepts. Nothing here compares faces or decides whether a picture is good enough.
"""
