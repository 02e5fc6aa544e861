# SPDX-License-Identifier: Apache-2.0
"""The providers of both suites, and which of them a terminal's record key asks for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from firmware.core import international
from firmware.keystore import gm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.core.cose import Signer
    from firmware.core.suite import Provider

PROVIDERS: Final[tuple[Provider, ...]] = (international.PROVIDER, gm.PROVIDER)
BY_NAME: Final[Mapping[str, Provider]] = MappingProxyType({provider.suite.name: provider for provider in PROVIDERS})


def provider_of(signer: Signer) -> Provider:
    """Return the provider of the suite the key belongs to."""
    return next(provider for provider in PROVIDERS if provider.suite.alg == signer.alg)
