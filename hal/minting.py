# SPDX-License-Identifier: Apache-2.0
"""The only mint of holders, portraits and pages. An import contract names who may come here: reader and camera packages.

Decides nothing about the values: it lends the constructors of :mod:`hal.document` their token.
"""

from __future__ import annotations

from hal.document import _MINT, Holder, Page, PageProvenance, Portrait, PortraitProvenance, Provenance


def mint_holder(  # noqa: PLR0913  # one keyword for each kept field
    *,
    kind: str,
    name: str,
    number: str,
    address: str,
    birth: str,
    issuer: str,
    valid_from: str,
    valid_to: str,
    provenance: Provenance,
    nationality: str | None = None,
    sex_agrees: bool | None = None,
    extras: tuple[tuple[str, str], ...] = (),
) -> Holder:
    """Make a holder of what was read; ``TypeError`` when a value is not of its type."""
    return Holder(_MINT, kind, name, number, address, birth, issuer, valid_from, valid_to, nationality, provenance, sex_agrees, extras)


def mint_portrait(*, image: bytes, media_type: str, provenance: PortraitProvenance) -> Portrait:
    """Make a portrait of the bytes that were read or taken; ``TypeError`` when a value is not of its type."""
    return Portrait(_MINT, image, media_type, provenance)


def mint_page(*, image: bytes, media_type: str, provenance: PageProvenance) -> Page:
    """Make a page of the marked picture that was taken; ``TypeError`` when a value is not of its type."""
    return Page(_MINT, image, media_type, provenance)
