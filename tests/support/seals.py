# SPDX-License-Identifier: Apache-2.0
"""A seal for tests of the keystore: what a controller makes of a context, without the controller."""

import hashlib
import hmac
from dataclasses import dataclass, field

from firmware.keystore import KeyUnavailable, SealBroken


@dataclass
class Hmac:
    """Gives shares of its secret until it is told that it was tampered with, or to be silent."""

    secret: bytes
    tampered: bool = False
    silent: bool = False
    asked: list[bytes] = field(default_factory=list)

    def share(self, context: bytes) -> bytes:
        if self.silent:
            raise KeyUnavailable("controller", "silent")
        if self.tampered:
            raise SealBroken("tampered")
        self.asked.append(context)
        return hmac.new(self.secret, b"rnt/share/1" + context, hashlib.sha256).digest()
