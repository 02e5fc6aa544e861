# SPDX-License-Identifier: Apache-2.0
"""Every file with a codec: identifiers, clause, structure, and the pair of functions. 3GPP TS 31.102, ETSI TS 102 221.

Decides which standard files this package can read and write as values. A new file is a new row with vectors; a test walks the table.
``encode(value, length)`` takes the card's own length (of the file, or of one record); its result may be shorter when what stands behind
is not this package's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hal.sim_card.codecs import basic, fiveg, location, names, numbers, services
from hal.sim_card.files import DF_5GS, MF, USIM, Ef

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Codec:
    """One file's coding. ``secret``: its content is never shown."""

    ef: Ef
    clause: str
    encode: Callable[[Any, int], bytes]
    decode: Callable[[bytes], Any]
    secret: bool = False

    @property
    def name(self) -> str:
        """The file's name without EF."""
        return self.ef.name


def _located(form: location.Form) -> tuple[Callable[[Any, int], bytes], Callable[[bytes], Any]]:
    return partial(location.encode_location, form), partial(location.decode_location, form)


def _iccid(value: str, _: int) -> bytes:
    return basic.encode_iccid(value)


def _imsi(value: str, _: int) -> bytes:
    return basic.encode_imsi(value)


def _ad(value: int, _: int) -> bytes:
    return basic.encode_ad(value)


def _acc(value: frozenset[int], _: int) -> bytes:
    return basic.encode_access_classes(value)


def _spn(value: str, _: int) -> bytes:
    return basic.encode_spn(value)


_AREA_5G = 3
_CONTEXT = (location.encode_context, location.decode_context)
_ACT = (basic.encode_plmn_act_list, basic.decode_plmn_act_list)
_PLMNS = (basic.encode_plmn_list, basic.decode_plmn_list)
_LANGUAGES = (services.encode_languages, services.decode_languages)
_SERVICES = (services.encode_services, services.decode_services)

TABLE: tuple[Codec, ...] = (
    Codec(Ef("ICCID", MF, 0x2FE2, 0x02), "TS 102 221 §13.2", _iccid, basic.decode_iccid),
    Codec(Ef("PL", MF, 0x2F05, 0x05), "TS 102 221 §13.3", *_LANGUAGES),
    Codec(Ef("LI", USIM, 0x6F05, 0x02), "TS 31.102 §4.2.1", *_LANGUAGES),
    Codec(Ef("IMSI", USIM, 0x6F07, 0x07), "TS 31.102 §4.2.2", _imsi, basic.decode_imsi),
    Codec(Ef("PLMNwAcT", USIM, 0x6F60, 0x0A), "TS 31.102 §4.2.5", *_ACT),
    Codec(Ef("HPPLMN", USIM, 0x6F31, 0x12), "TS 31.102 §4.2.6", services.encode_search_period, services.decode_search_period),
    Codec(Ef("UST", USIM, 0x6F38, 0x04), "TS 31.102 §4.2.8", *_SERVICES),
    Codec(Ef("SPN", USIM, 0x6F46), "TS 31.102 §4.2.12", _spn, basic.decode_spn),
    Codec(Ef("ACC", USIM, 0x6F78, 0x06), "TS 31.102 §4.2.15", _acc, basic.decode_acc),
    Codec(Ef("FPLMN", USIM, 0x6F7B, 0x0D), "TS 31.102 §4.2.16", *_PLMNS),
    Codec(Ef("LOCI", USIM, 0x6F7E, 0x0B), "TS 31.102 §4.2.17", *_located(location.LOCI)),
    Codec(Ef("AD", USIM, 0x6FAD, 0x03), "TS 31.102 §4.2.18", _ad, basic.decode_ad),
    Codec(Ef("ECC", USIM, 0x6FB7, 0x01, record=1), "TS 31.102 §4.2.21", numbers.encode_ecc, numbers.decode_ecc),
    Codec(Ef("PSLOCI", USIM, 0x6F73, 0x0C), "TS 31.102 §4.2.23", *_located(location.PSLOCI)),
    Codec(Ef("MSISDN", USIM, 0x6F40, record=1), "TS 31.102 §4.2.26", numbers.encode_msisdn, numbers.decode_msisdn),
    Codec(Ef("SMSP", USIM, 0x6F42, record=1), "TS 31.102 §4.2.27", numbers.encode_smsp, numbers.decode_smsp),
    Codec(Ef("EST", USIM, 0x6F56, 0x05), "TS 31.102 §4.2.47", *_SERVICES),
    Codec(Ef("OPLMNwAcT", USIM, 0x6F61, 0x11), "TS 31.102 §4.2.53", *_ACT),
    Codec(Ef("HPLMNwAcT", USIM, 0x6F62, 0x13), "TS 31.102 §4.2.54", *_ACT),
    Codec(Ef("PNN", USIM, 0x6FC5, 0x19, record=1), "TS 31.102 §4.2.58", names.encode_network_name, names.decode_network_name),
    Codec(Ef("OPL", USIM, 0x6FC6, 0x1A, record=1), "TS 31.102 §4.2.59", names.encode_operator_area, names.decode_operator_area),
    Codec(Ef("EHPLMN", USIM, 0x6FD9, 0x1D), "TS 31.102 §4.2.84", *_PLMNS),
    Codec(Ef("EPSLOCI", USIM, 0x6FE3, 0x1E), "TS 31.102 §4.2.91", *_located(location.EPSLOCI)),
    Codec(Ef("EPSNSC", USIM, 0x6FE4, 0x18, record=1), "TS 31.102 §4.2.92", *_CONTEXT, secret=True),
    Codec(Ef("5GS3GPPLOCI", DF_5GS, 0x4F01, 0x01), "TS 31.102 §4.4.11.2", *_located(location.LOCI_5GS)),
    Codec(Ef("5GSN3GPPLOCI", DF_5GS, 0x4F02, 0x02), "TS 31.102 §4.4.11.3", *_located(location.LOCI_5GS)),
    Codec(Ef("5GS3GPPNSC", DF_5GS, 0x4F03, 0x03, record=1), "TS 31.102 §4.4.11.4", *_CONTEXT, secret=True),
    Codec(Ef("5GSN3GPPNSC", DF_5GS, 0x4F04, 0x04, record=1), "TS 31.102 §4.4.11.5", *_CONTEXT, secret=True),
    Codec(Ef("5GAUTHKEYS", DF_5GS, 0x4F05, 0x05), "TS 31.102 §4.4.11.6", location.encode_objects, location.decode_objects, secret=True),
    Codec(Ef("UAC_AIC", DF_5GS, 0x4F06, 0x06), "TS 31.102 §4.4.11.7", fiveg.encode_access_identities, fiveg.decode_access_identities),
    Codec(Ef("SUCI_Calc_Info", DF_5GS, 0x4F07, 0x07), "TS 31.102 §4.4.11.8", fiveg.encode_suci, fiveg.decode_suci),
    Codec(
        Ef("OPL5G", DF_5GS, 0x4F08, 0x08, record=1),
        "TS 31.102 §4.4.11.9",
        partial(names.encode_operator_area, area_bytes=_AREA_5G),
        partial(names.decode_operator_area, area_bytes=_AREA_5G),
    ),
    Codec(Ef("SUPI_NAI", DF_5GS, 0x4F09, 0x09), "TS 31.102 §4.4.11.10", location.encode_objects, location.decode_objects, secret=True),
    Codec(Ef("Routing_Indicator", DF_5GS, 0x4F0A, 0x0A), "TS 31.102 §4.4.11.11", fiveg.encode_routing, fiveg.decode_routing),
)

CODECS = {codec.name: codec for codec in TABLE}
