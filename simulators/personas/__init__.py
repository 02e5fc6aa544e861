# SPDX-License-Identifier: Apache-2.0
"""Synthetic customers: who they are, what their card's chip holds, how they look.

Nobody here exists. Names say specimen (样例), numbers lie in the unassigned region 99xxxx with a right check character (except where
the persona is about a wrong one), portraits are drawn. Written from the card layouts, not from our driver.
"""

from simulators.personas.blocks import appended_block, photo_block, text_block
from simulators.personas.people import PERSONAS, Persona
from simulators.personas.portraits import portrait_pgm

__all__ = ["PERSONAS", "Persona", "appended_block", "photo_block", "portrait_pgm", "text_block"]
