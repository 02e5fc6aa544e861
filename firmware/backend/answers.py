# SPDX-License-Identifier: Apache-2.0
"""The JSON of the operator's answers, read strictly into frozen values.

Decides whether a body is an answer the API allows. Rules
* UTF-8 JSON (RFC 8259) without duplicate names, NaN, Infinity or fractions; one object at the top
* bytes are base64url without padding (RFC 4648 §5) in their one canonical form, between 1 and ``MAX_MESSAGE`` bytes
* an outcome code is a refusal, or a hold, of :mod:`firmware.core.outcomes`; an answer is approved, held or refused, never two of them
* members nobody asked for are ignored, so that an operator may add some (CAMARA Commonalities: ``contextCode``)

It verifies no signature and opens no issue data.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from firmware.backend.errors import BackendAnswerInvalid, BackendRefusedRequest
from firmware.core.outcomes import OUTCOMES, Kind

MAX_MESSAGE = 32 * 1024
"""Longest signed message or sealed issue data in bytes; an approval has about 300, a script of 64 full commands 18,000."""
MAX_COMMANDS = 256
COMMAND_BYTES = range(4, 262)
AUTH_CODE_BYTES = range(8, 17)
MAX_PEM = 64 * 1024
MAX_PACKS = 32
MAX_STAFF = 64
MAX_TIME = 253402300799
"""Last second of the year 9999: what a time in an answer may not exceed."""
MAX_LOG = 1 << 63
"""Leaves a log may have, and one more."""
KEY_BYTES = frozenset({32, 65})
_CODE = re.compile(r"[A-Z][A-Z0-9_.]{0,63}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Approved:
    """The operator approves: the signed approval and the sealed issue data, as they came; none for a plan that writes no card."""

    approval: bytes
    profile: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The operator refuses, with one outcome code."""

    code: str


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """A member of staff the operator knows and lets work at this terminal."""

    staff: str


@dataclass(frozen=True, slots=True)
class Held:
    """The operator has not decided: neither refused nor passed. Ask again, until ``until`` (Unix seconds) at most."""

    code: str
    until: int


@dataclass(frozen=True, slots=True)
class RelayRound:
    """Commands for the card, none exactly when the operator is ``done``."""

    commands: tuple[bytes, ...] = field(repr=False)
    done: bool


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment gives: three PEM certificates, the trust list as JSON, to be stored as it is, and signed policy packs."""

    record_cert: str
    tls_cert: str
    ca: str
    trust_json: bytes
    packs: tuple[bytes, ...] = ()


def activation(body: bytes) -> Approved | Held | Refused:
    """Read the answer to an activation; raises :class:`BackendAnswerInvalid`."""
    members = _object(body)
    match members.get("outcome"):
        case "approved" if "code" not in members:
            return Approved(_octets(members, "approval"), _octets(members, "profile") if "profile" in members else b"")
        case "refused" if "approval" not in members and "profile" not in members:
            return Refused(_code(members, Kind.REFUSAL))
        case "held" if "approval" not in members and "profile" not in members:
            return Held(_code(members, Kind.HOLD), _seconds(members, "until"))
    raise BackendAnswerInvalid("outcome")


def log_on(body: bytes) -> LoggedOn | Refused:
    """Read the answer to a log-on; raises :class:`BackendAnswerInvalid`."""
    members = _object(body)
    match members.get("outcome"):
        case "accepted" if "code" not in members and len(_text(members, "staff")) <= MAX_STAFF:
            return LoggedOn(_text(members, "staff"))
        case "refused":
            return Refused(_code(members, Kind.REFUSAL))
    raise BackendAnswerInvalid("outcome")


def acknowledgement(body: bytes) -> bytes:
    """Return the signed acknowledgement of a result; raises :class:`BackendAnswerInvalid`."""
    return _octets(_object(body), "ack")


def evidence(body: bytes) -> bytes:
    """Return the digest of the piece of evidence that is durable now; raises :class:`BackendAnswerInvalid`."""
    digest = _text(_object(body), "digest")
    if not _DIGEST.fullmatch(digest):
        raise BackendAnswerInvalid("digest")
    return bytes.fromhex(digest)


def authorisation(body: bytes) -> bytes:
    """Return the operator's answer to a card's challenge, 8 to 16 bytes; raises :class:`BackendAnswerInvalid`."""
    code = _octets(_object(body), "auth_code")
    if len(code) not in AUTH_CODE_BYTES:
        raise BackendAnswerInvalid("auth_code")
    return code


def relay_round(body: bytes) -> RelayRound:
    """Read one round of a relay: up to 256 commands of 4 to 261 bytes; raises :class:`BackendAnswerInvalid`."""
    members = _object(body)
    told, done = members.get("commands"), members.get("done")
    if type(told) is not list or type(done) is not bool or len(told) > MAX_COMMANDS or done == bool(told):
        raise BackendAnswerInvalid("commands")
    commands = tuple(_octets({"command": one}, "command") for one in told)
    if any(len(command) not in COMMAND_BYTES for command in commands):
        raise BackendAnswerInvalid("command")
    return RelayRound(commands, done)


def now(body: bytes) -> int:
    """Return the operator's time in Unix seconds; raises :class:`BackendAnswerInvalid`."""
    return _seconds(_object(body), "now")


def log_size(body: bytes) -> int:
    """Return how many leaves of the audit log the operator has seen; raises :class:`BackendAnswerInvalid`."""
    size = _object(body).get("size")
    if type(size) is not int or not 0 <= size < MAX_LOG:
        raise BackendAnswerInvalid("size")
    return size


def countersignature(body: bytes) -> bytes:
    """Return the signed countersignature of a checkpoint; raises :class:`BackendAnswerInvalid`."""
    return _octets(_object(body), "countersignature")


def enrolment(body: bytes) -> Enrolled:
    """Read the answer to an enrolment; raises :class:`BackendAnswerInvalid`. Certificates are checked by whoever installs them."""
    members = _object(body)
    record_cert, tls_cert, ca = (_text(members, name) for name in ("record_cert", "tls_cert", "ca"))
    if any(len(pem) > MAX_PEM or not _PEM.fullmatch(pem) for pem in (record_cert, tls_cert, ca)):
        raise BackendAnswerInvalid("certificate")
    trust = members.get("trust")
    if type(trust) is not dict or not all(type(trust.get(name)) is str and trust[name] for name in ("operator_id", "backend_url")):
        raise BackendAnswerInvalid("trust")
    keys = trust.get("approval_keys")
    if type(keys) is not list or not keys or not all(_is_approval_key(key) for key in keys):
        raise BackendAnswerInvalid("approval keys")
    if len(_standard_base64(trust.get("vault_key"))) not in KEY_BYTES:
        raise BackendAnswerInvalid("vault key")
    try:
        trust_json = json.dumps(trust).encode("ascii")
    except RecursionError:
        raise BackendAnswerInvalid("trust") from None
    packs = members.get("packs", [])
    if type(packs) is not list or len(packs) > MAX_PACKS:
        raise BackendAnswerInvalid("packs")
    return Enrolled(record_cert, tls_cert, ca, trust_json, tuple(_octets({"pack": pack}, "pack") for pack in packs))


def refused_request(status: int, body: bytes) -> BackendRefusedRequest:
    """Return the error an HTTP error answer stands for; a body that is not the API's gives an empty code."""
    try:
        code = _object(body).get("code")
    except BackendAnswerInvalid:
        code = None
    return BackendRefusedRequest(status, code if isinstance(code, str) and _CODE.fullmatch(code) else "")


def octets_text(data: bytes) -> str:
    """Return ``data`` as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_no_number)
    except (ValueError, RecursionError) as error:
        raise BackendAnswerInvalid(f"not JSON: {type(error).__name__}") from None
    if type(value) is not dict:
        raise BackendAnswerInvalid("not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members


def _no_number(_: str) -> NoReturn:
    raise ValueError("not an integer")


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if type(value) is not str or not value:
        raise BackendAnswerInvalid(name)
    return value


def _code(members: dict[str, Any], kind: Kind) -> str:
    code = _text(members, "code")
    known = OUTCOMES.get(code)
    if known is None or known.kind is not kind:
        raise BackendAnswerInvalid("outcome code")
    return code


def _seconds(members: dict[str, Any], name: str) -> int:
    seconds = members.get(name)
    if type(seconds) is not int or not 0 <= seconds <= MAX_TIME:
        raise BackendAnswerInvalid(name)
    return seconds


def _octets(members: dict[str, Any], name: str) -> bytes:
    text = _text(members, name)
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BackendAnswerInvalid(name) from None
    if octets_text(data) != text or not 0 < len(data) <= MAX_MESSAGE:
        raise BackendAnswerInvalid(name)
    return data


def _standard_base64(value: Any) -> bytes:
    """Return the bytes of canonical padded base64, or none when it is not that."""
    try:
        data = base64.b64decode(value, validate=True) if type(value) is str else b""
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode("ascii") == value else b""


def _is_approval_key(key: Any) -> bool:
    if type(key) is not dict or key.get("purpose") != "approval" or type(key.get("kid")) is not str:
        return False
    return re.fullmatch(r"[0-9a-f]{32}", key["kid"]) is not None and bool(_standard_base64(key.get("spki")))
