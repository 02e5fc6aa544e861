# SPDX-License-Identifier: Apache-2.0
"""The operator's side of a card's keys: AKA challenges, secured packets (SCP80), the secure channel's host (SCP03).

Written apart from the card's side in :mod:`simulators.sim_card`; the vectors in ``tests/vectors/sim_crypto`` are the referee between them.
The keys stay here: a terminal gets bytes to carry, and brings bytes back.
"""

from simulators.backend.card_crypto.aka import Challenge, Verdict, challenge, judge, opc, resynchronise
from simulators.backend.card_crypto.scp03 import ChannelFailed, Relay, Scp03Host, Scp03Keys
from simulators.backend.card_crypto.scp80 import Proof, ProofRefused, Scp80Sender

__all__ = [
    "Challenge",
    "ChannelFailed",
    "Proof",
    "ProofRefused",
    "Relay",
    "Scp03Host",
    "Scp03Keys",
    "Scp80Sender",
    "Verdict",
    "challenge",
    "judge",
    "opc",
    "resynchronise",
]
