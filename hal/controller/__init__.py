# SPDX-License-Identifier: Apache-2.0
"""The terminal's end of the controller link: frames, messages, a driver, and the worker's service.

The protocol is described in ``firmware/controller/README.md``; ``tests/vectors/controller`` holds examples.
"""
