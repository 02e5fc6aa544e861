# SPDX-License-Identifier: Apache-2.0
"""One PKCS#11 module, as far as a device key needs it: find the token, log in, make a key, sign with it, destroy what was replaced.

Runs in the worker process only (:mod:`firmware.keystore.token_worker`). Rules
* Exactly one token has the label (and the serial number, where one is named); with two it is refused rather than guessed.
* The token's flags are read before a PIN is sent: a locked one is not asked, and neither is one that has counted a wrong PIN. A PIN
  is sent once for each opening and never a second time.
* A private key is used only if the token says that it is a P-256 key of its own (``CKA_TOKEN``, ``CKA_PRIVATE``) that is sensitive and
  not extractable; a key made here is destroyed again when it is not.
* The digest is made in software and signed with plain ``CKM_ECDSA``, the mechanism every token has; the answer is r || s, 64 bytes.
* What a token answers when it is merely busy is asked again until the deadline.

No operation returns an attribute of a private key; the public half and signatures are all that leaves.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, TokenFlag, exceptions
from pkcs11.constants import DEFAULT

from firmware.keystore import files
from firmware.keystore.errors import KeyExists, KeyMissing, KeyUnavailable, KeyUnfit, KeyUnsafe, PinLocked, PinRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hal.deadline import Deadline

T = TypeVar("T")

P256: Final = bytes.fromhex("06082a8648ce3d030107")
"""OBJECT IDENTIFIER prime256v1 (RFC 5480 §2.1.1.1), DER: the value of CKA_EC_PARAMS."""
SPKI_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""SubjectPublicKeyInfo of a P-256 key up to the uncompressed point."""
POINT_HEAD: Final = bytes.fromhex("044104")
"""OCTET STRING of 65 bytes that begins with 04: the form of CKA_EC_POINT."""
POINT_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
PAUSE_S: Final = 0.02
"""Before a busy token is asked again; doubles up to ten times that."""
LOCKED: Final = "the token's PIN is locked: a TPM unlocks itself after its recovery time, another token's security officer must do it"
SPENT: Final = TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.USER_PIN_FINAL_TRY

AWAY: Final = (
    exceptions.NoSuchToken,
    exceptions.TokenNotPresent,
    exceptions.TokenNotRecognised,
    exceptions.DeviceRemoved,
    exceptions.SlotIDInvalid,
)
BUSY: Final = (
    exceptions.DeviceError,
    exceptions.DeviceMemory,
    exceptions.FunctionCancelled,
    exceptions.FunctionFailed,
    exceptions.GeneralError,
    exceptions.HostMemory,
)
"""What a token, or the TPM behind it (TPM_RC_RETRY, _YIELDED, _TESTING), answers when the same request may work a moment later."""
REFUSED: Final = (
    exceptions.PinIncorrect,
    exceptions.PinInvalid,
    exceptions.PinLenRange,
    exceptions.PinExpired,
    exceptions.UserPinNotInitialized,
)


@dataclass(frozen=True, slots=True)
class Selector:
    """Which key: ``kid`` is what its public half must hash to, where that is known already."""

    module: Path
    pin_file: Path
    token: str
    serial: str | None
    object: str
    id: bytes


class TokenModule:
    """The module at one path; opened by the first operation that needs it."""

    def __init__(self) -> None:
        self._lib: Any = None  # pkcs11.lib is a function; its class is the library's own affair
        self._session: pkcs11.Session | None = None
        self._keys: dict[tuple[str, bytes], tuple[Any, bytes]] = {}

    def create(self, key: Selector, deadline: Deadline) -> bytes:
        """Make the key pair on the token; returns its DER SubjectPublicKeyInfo. Raises ``KeystoreError``."""
        session = self._open(key)
        if list(_objects(session, key.object, key.id)):
            raise KeyExists(f"the token holds a key {key.object} with this id already")
        parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: P256}, local=True)
        _patiently(
            lambda: parameters.generate_keypair(
                store=True,
                label=key.object,
                id=key.id,
                # DEFAULT leaves an attribute out of the template: tpm2-pkcs11 refuses templates that name these
                public_template={Attribute.ENCRYPT: DEFAULT, Attribute.WRAP: DEFAULT, Attribute.VERIFY: DEFAULT},
                private_template={
                    Attribute.DECRYPT: DEFAULT,
                    Attribute.UNWRAP: DEFAULT,
                    Attribute.DERIVE: DEFAULT,
                    Attribute.SIGN: DEFAULT,
                },
            ),
            deadline,
        )
        try:
            private, spki = self._find(key, deadline)
            _demand_own(private)
        except KeyUnsafe:
            for made in _objects(session, key.object, key.id):
                made.destroy()
            raise
        return spki

    def public(self, key: Selector, deadline: Deadline) -> bytes:
        """Return the DER SubjectPublicKeyInfo of the key after its attributes were checked. Raises ``KeystoreError``."""
        return self._find(key, deadline)[1]

    def sign(self, key: Selector, digest: bytes, deadline: Deadline) -> bytes:
        """Return r || s over a SHA-256 ``digest``. Raises ``KeystoreError``."""
        private, _ = self._find(key, deadline)
        signature = bytes(_patiently(lambda: private.sign(digest, mechanism=Mechanism.ECDSA), deadline))
        if len(signature) != SIGNATURE_BYTES:
            raise KeyUnfit("the token returned no P-256 signature")
        return signature

    def retire(self, key: Selector, keep: list[bytes]) -> int:
        """Destroy keys of this name whose id is not in ``keep``; returns how many. Raises ``KeystoreError``."""
        session = self._open(key)
        old = [found for found in _objects(session, key.object, None) if bytes(found[Attribute.ID]) not in keep]
        gone = sum(found.object_class is ObjectClass.PRIVATE_KEY for found in old)
        for found in old:
            found.destroy()
        self._keys.clear()
        return gone

    def _find(self, key: Selector, deadline: Deadline) -> tuple[Any, bytes]:
        known = self._keys.get((key.object, key.id))
        if known is None:
            session = self._open(key)
            known = _patiently(lambda: _pair(session, key), deadline)
            self._keys[key.object, key.id] = known
        return known

    def _open(self, key: Selector) -> pkcs11.Session:
        if self._session is None:
            self._lib = self._lib or _load(key.module)
            token = _token(self._lib, key)
            if token.flags & TokenFlag.USER_PIN_LOCKED:
                raise PinLocked(LOCKED)
            if token.flags & SPENT:
                raise PinRefused("the token has counted a wrong PIN; it is not tried again here: log in once by hand, then start again")
            pin = files.read_secret(key.pin_file).strip()
            try:
                self._session = token.open(rw=True, user_pin=pin.decode())
            except exceptions.PinLocked:
                raise PinLocked(LOCKED) from None
            except (*REFUSED, UnicodeDecodeError):
                raise PinRefused("the token refused the PIN of the PIN file") from None
        return self._session


def _load(module: Path) -> Any:
    try:
        return pkcs11.lib(str(module))
    except (exceptions.PKCS11Error, RuntimeError) as error:
        raise KeyUnavailable("module", f"the PKCS#11 module {module.name} cannot be loaded ({type(error).__name__})") from None


def _token(lib: Any, key: Selector) -> pkcs11.Token:
    found = [
        token
        for token in (slot.get_token() for slot in lib.get_slots(token_present=True))
        if token.label == key.token and key.serial in {None, token.serial.decode(errors="replace")}
    ]
    if not found:
        raise KeyUnavailable("absent", "the token is not there")
    if len(found) > 1:
        raise KeyUnsafe(f"{len(found)} tokens carry this label; add serial=… to the key URI")
    token: pkcs11.Token = found[0]
    return token


def _objects(session: pkcs11.Session, name: str, identity: bytes | None) -> Iterator[Any]:
    """Return the halves of the key pairs of this name."""
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        wanted: dict[Attribute, Any] = {Attribute.CLASS: kind, Attribute.LABEL: name}
        if identity is not None:
            wanted[Attribute.ID] = identity
        yield from list(session.get_objects(wanted))


def _pair(session: pkcs11.Session, key: Selector) -> tuple[Any, bytes]:
    """Return the private key and its DER SubjectPublicKeyInfo."""
    found = list(_objects(session, key.object, key.id))
    private = [half for half in found if half.object_class is ObjectClass.PRIVATE_KEY]
    public = [half for half in found if half.object_class is ObjectClass.PUBLIC_KEY]
    if not private:
        raise KeyMissing(f"the token holds no key {key.object} with this id")
    if len(private) > 1 or len(public) != 1:
        raise KeyUnfit(
            f"the token holds {len(private)} private and {len(public)} public keys {key.object} with this id; one of each is right"
        )
    _check(private[0], public[0])
    return private[0], SPKI_HEAD + bytes(public[0][Attribute.EC_POINT])[-POINT_BYTES:]


def _check(private: Any, public: Any) -> None:
    """Refuse a key that is no P-256 key, or that could leave the token."""
    if private.key_type is not KeyType.EC or any(bytes(half[Attribute.EC_PARAMS]) != P256 for half in (private, public)):
        raise KeyUnfit("the token's key is not a key on P-256")
    point = bytes(public[Attribute.EC_POINT])
    if not point.startswith(POINT_HEAD) or len(point) != len(POINT_HEAD) + POINT_BYTES - 1:
        raise KeyUnfit("the token's key shows no uncompressed point")
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        raise KeyUnsafe("the token would give this key away (CKA_EXTRACTABLE or not CKA_SENSITIVE); make another one")
    if not (private[Attribute.TOKEN] and private[Attribute.PRIVATE]):
        raise KeyUnsafe("the key does not live on the token, or can be used without the PIN")


def _demand_own(private: Any) -> None:
    """Refuse a key just made that the token does not call its own: made elsewhere, or extractable once."""
    for attribute in (Attribute.LOCAL, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE):
        with suppress(exceptions.AttributeTypeInvalid):
            if not private[attribute]:
                raise KeyUnsafe(f"the token says of a key it has just made: CKA_{attribute.name} is false")


def _patiently(work: Callable[[], T], deadline: Deadline) -> T:
    """Return what ``work`` returns; while the token is busy, ask again until the deadline."""
    pause, pausing = PAUSE_S, threading.Event()  # nobody sets it: a token does not say when it will be free
    while True:
        try:
            return work()
        except BUSY as error:
            if deadline.left() <= pause:
                raise KeyUnavailable("busy", f"the token was busy to the end ({type(error).__name__})") from None
        pausing.wait(pause)
        pause = min(2 * pause, 10 * PAUSE_S)
