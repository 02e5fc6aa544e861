# SPDX-License-Identifier: Apache-2.0
"""The edge of the house: the only modules that import a device library (pyserial, pyusb, pyscard). They move bytes and decide nothing."""
