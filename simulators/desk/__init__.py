# SPDX-License-Identifier: Apache-2.0
"""The people at the counter: a clerk at the kiosk's socket and a subscriber who lays down a card, looks, signs and presses.

They know the terminal only through what it shows and what they can touch. ``script`` says how they behave, ``kiosk`` is the screen
they see, ``people`` lets them act.
"""
