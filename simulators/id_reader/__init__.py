# SPDX-License-Identifier: Apache-2.0
"""A second-generation ID-card reader (SAM) on a pseudo-terminal, byte for byte. Written from the protocol's public facts."""
