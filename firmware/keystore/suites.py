# SPDX-License-Identifier: Apache-2.0
"""The providers of both suites, and which of them a terminal's record key asks for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from firmware.core import international
from firmware.core.keyring import Key, Purpose
from firmware.core.suite import SUITES, Suite
from firmware.keystore import gm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.core.cose import Signer
    from firmware.core.suite import Provider

PROVIDERS: Final[tuple[Provider, ...]] = (international.PROVIDER, gm.PROVIDER)
BY_NAME: Final[Mapping[str, Provider]] = MappingProxyType({provider.suite.name: provider for provider in PROVIDERS})


def provider_of(signer: Signer) -> Provider:
    """Return the provider of the suite the signer's key belongs to."""
    return _provider(SUITES[signer.alg])


def provider_for(spki: bytes) -> Provider:
    """Return the provider of the suite a DER SubjectPublicKeyInfo belongs to; :class:`~firmware.core.errors.Malformed` for none."""
    return _provider(Key.from_spki(spki, Purpose.RECORD, accepted=PROVIDERS).suite)


def suite_of_store_key(store_key: bytes) -> Suite:
    """Return the suite whose store keys have this length; ``StopIteration`` for none, which no loaded key has."""
    return next(suite for suite in SUITES.values() if suite.store_key_length == len(store_key))


def _provider(suite: Suite) -> Provider:
    return BY_NAME[suite.name]
