# SPDX-License-Identifier: Apache-2.0
"""USB devices without hardware: one model of a device, and the ways it is attached to a host."""
