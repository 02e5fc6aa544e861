# SPDX-License-Identifier: Apache-2.0
"""SIM cards: identify a blank one, write a profile to it, read it back. Knows nothing of activation or approvals."""
