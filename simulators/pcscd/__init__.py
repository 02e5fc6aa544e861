# SPDX-License-Identifier: Apache-2.0
"""A private PC/SC service for one run: Debian's own pcscd and vpcd driver, out of sight of every other one on the machine."""
