# SPDX-License-Identifier: Apache-2.0
"""What the core refuses. World errors only; a caller's mistake is a ``TypeError`` or ``ValueError``.

Rules
* No error carries personal data, keys or message content: a reason word or an outcome code, nothing else.
* A refusal that the clerk must see carries exactly one code of :mod:`firmware.core.outcomes`.
"""

from __future__ import annotations

from enum import StrEnum


class CoreError(Exception):
    """Root of everything the codecs and checks let out."""


class Malformed(CoreError):
    """Bytes are not the one accepted encoding, or a map is not the one the CDDL describes. The text names the rule, never a value."""


class SignatureFault(StrEnum):
    """Why a signed message was refused, in the order in which the verifier asks."""

    MALFORMED = "malformed"
    """Not a tagged COSE_Sign1 of four elements with an empty unprotected header, or not strictly encoded."""
    TYPE = "typ"
    """Another kind of message than the one asked for."""
    KEY = "kid"
    """The key is unknown, has another purpose, or is outside its time."""
    ALGORITHM = "alg"
    """The message names another algorithm than the key's."""
    LENGTH = "length"
    """The signature has not the length of the key's algorithm."""
    SIGNATURE = "signature"
    """The signature does not verify: other content, other external data or other key."""


class SignatureRefused(CoreError):
    """A signed message did not verify."""

    def __init__(self, reason: SignatureFault) -> None:
        super().__init__(reason.value)
        self.reason = reason


class CannotOpen(CoreError):
    """A sealed message does not open with this key and this info."""


class Refused(CoreError):
    """A decision against going on; ``code`` is the one outcome the clerk and the log get."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ApprovalRefused(Refused):
    """The operator's answer does not permit this write: R704, R705 or R707."""


class IssueDataRefused(Refused):
    """The sealed issue data is not the approved one, or cannot be used: R704 or R707."""


class PolicyRefused(Refused):
    """The policy pack offers no plan for this business: R410 or R103."""


class PackFault(StrEnum):
    """Why a policy pack, or a set of packs, is not used."""

    MALFORMED = "malformed"
    """Not a pack: unknown field, word or version, wrong order, wrong type."""
    SIGNER = "signer"
    """Not signed by a key the operator named for packs."""
    OPERATOR = "operator"
    """Signed in another operator's name."""
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    MISSING = "missing"
    """The operator demands a pack that is not here, or the floor lacks a value."""
    DOUBLE = "double"
    """One id stands twice."""
    CYCLE = "cycle"
    """A pack stands on itself."""
    PARENT = "parent"
    """A pack stands on one that is not here, or on nothing."""
    GAP = "gap"
    """A pack stands on another version than the one here, or the floor here is older than the software's own."""
    OLDER = "older"
    """A newer version of this pack has held on this terminal."""
    WEAKER = "weaker"
    """A value is weaker than what stands below it."""
    OFFER = "offer"
    """A pack above the floor opens a business the floor does not."""
    TEXT = "text"
    """A text replaces another of the same code."""
    FREE_REFUSAL = "free-refusal"
    """A legal document would be turned away at every counter."""
    HARDER_EXIT = "harder-exit"
    """Leaving would be harder than joining."""


class PackRefused(Refused):
    """A policy pack may not be used, so no new session begins: R510. Names the pack, the value and the clause that stand against it."""

    def __init__(self, fault: PackFault, pack: str = "", value: str = "", clause: str = "") -> None:
        super().__init__("R510", ": ".join(part for part in (pack, fault.value, value, clause) if part))
        self.fault = fault
        self.pack = pack
        self.value = value
        self.clause = clause


class AckRefused(CoreError):
    """An acknowledgement is not the operator's word about this result. The report stays due and is sent again."""


class TwoPeopleFault(StrEnum):
    """What is missing for an operation that takes two people."""

    ROSTER = "roster"
    """There is no roster of the operator's in force."""
    REQUEST = "request"
    """This terminal never made the request, or it was used, or it is too old."""
    NUMBER = "number"
    """Not two warrants."""
    WARRANT = "warrant"
    """A warrant is nobody's on the roster, or not for this request."""
    SAME_PERSON = "same-person"
    """Both are of one person."""
    ROLE = "role"
    """A role that may not."""
    APPROVER = "approver"
    """Neither is of a role that approves."""


class TwoPeopleRefused(CoreError):
    """Not the two people it takes (BR-07). ``known``: staff ids whose warrants hold."""

    def __init__(self, fault: TwoPeopleFault, known: tuple[str, ...] = ()) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.known = known
