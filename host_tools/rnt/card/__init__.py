# SPDX-License-Identifier: Apache-2.0
"""``rnt card``: look at a SIM card in a writer, plan a profile for it, write it, verify it. For the bench, not for sales."""
