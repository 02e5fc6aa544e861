# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a card's files mean, one module for each family; :mod:`hal.sim_card.codecs.table` lists all of them."""
