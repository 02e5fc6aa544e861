# SPDX-License-Identifier: Apache-2.0
"""Measurements as ratios in one run. ``./run bench`` prints the table; nothing here asserts a time."""
