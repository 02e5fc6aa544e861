# SPDX-License-Identifier: Apache-2.0
"""What a whole record costs beside the bare signature, in each store of keys, and beside the bare verification.

Candidate of ``sign_vs_raw``: ``build_record`` (salted digests, claims, deterministic CBOR) and ``sign_record`` (COSE_Sign1, and for a token
the way to its worker process). Baseline: the store's own library signs the record's payload as it lies there, in this process:
``cryptography`` for a file, ``C_Sign`` over a SHA-256 for a token. Candidate of ``verify_vs_raw``: ``cose.verify1`` from bytes to claims;
baseline: ``cryptography`` verifies that payload. All in turns; the figure is the ratio of the medians. Only the ratio travels between
machines.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from bench.figures import Figure
from bench.requests import RequestMaker
from firmware.core import cose
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.record import SALTS_LENGTH, build_record, sign_record
from firmware.keystore import close_tokens, create_key
from firmware.keystore.token_key import TokenSigner
from tests.support.new_token import PIN
from tests.support.tokens import LABEL, TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firmware.core.cose import Signer

ROUNDS = {"file": 400, "softhsm": 400, "tpm": 60}
SIGN_LIMIT, VERIFY_LIMIT = 2.5, 3.0
HALF = 32


def measure() -> dict[str, Figure]:
    """Return the ratios; baselines are in milliseconds."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="rnt-bench-") as folder:
        for name, rounds in ROUNDS.items():
            with _store(name, Path(folder) / name) as (signer, bare):
                sign, verify = _ratios(signer, bare, rounds)
                figures[f"record.sign_vs_raw.{name}"] = sign
                if name == "file":
                    figures["record.verify_vs_raw"] = verify
    return figures


def _ratios(signer: Signer, bare: Callable[[bytes], Any], rounds: int) -> tuple[Figure, Figure]:
    facts, person = RequestMaker("RNT-000001", signer, None, (0, bytes(32))).parts("8986011000000000001")
    key, public = Key.from_spki(signer.spki, Purpose.RECORD), load_der_public_key(signer.spki)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError("a record key of the international suite")
    keyring, salts = Keyring([key]), os.urandom(SALTS_LENGTH)
    times: dict[str, list[float]] = {"built": [], "bare": [], "verified": [], "bare_verified": []}
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        draft = build_record(facts, (person,), salts=salts)
        record = sign_record(draft, signer)
        built = time.perf_counter_ns()
        bare(draft.payload)
        signed = time.perf_counter_ns()
        cose.verify1(record.message, typ=cose.Type.RECORD, keyring=keyring, purpose=Purpose.RECORD)
        verified = time.perf_counter_ns()
        raw = signer.sign(draft.payload)
        der = encode_dss_signature(int.from_bytes(raw[:HALF]), int.from_bytes(raw[HALF:]))
        start = time.perf_counter_ns()
        public.verify(der, draft.payload, ec.ECDSA(SHA256()))
        end = time.perf_counter_ns()
        for name, spent in zip(times, (built - begin, signed - built, verified - signed, end - start), strict=True):
            times[name].append(spent / 1e6)
    middle = {name: statistics.median(spent) for name, spent in times.items()}
    return (
        Figure(middle["built"] / middle["bare"], "ratio", SIGN_LIMIT, middle["bare"]),
        Figure(middle["verified"] / middle["bare_verified"], "ratio", VERIFY_LIMIT, middle["bare_verified"]),
    )


@contextmanager
def _store(name: str, base: Path) -> Iterator[tuple[Signer, Callable[[bytes], Any]]]:
    """Yield a new key of the store and the bare signature with the same key."""
    base.mkdir(mode=0o700)
    if name == "file":
        signer = create_key("file:keys/record.pem", base)
        key = load_pem_private_key((base / "keys" / "record.pem").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(name)
        yield signer, lambda payload: key.sign(payload, ec.ECDSA(SHA256()))
        return
    token = TOKENS[name]()
    os.environ.update(token.environment)
    try:
        signer = create_key(token.uri("record"), base)
        session = _session(token.module)
        yield signer, _bare(session, signer)
        session.close()
    finally:
        close_tokens()
        token.close()


def _session(module: Path) -> pkcs11.Session:
    tokens = (slot.get_token() for slot in pkcs11.lib(str(module)).get_slots(token_present=True))
    return next(token for token in tokens if token.label == LABEL).open(user_pin=PIN.decode())


def _bare(session: pkcs11.Session, signer: Signer) -> Callable[[bytes], Any]:
    """Return C_Sign with the same key, in this process: what the worker spares the terminal."""
    if not isinstance(signer, TokenSigner):
        raise TypeError("not a token's key")
    wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.ID: bytes.fromhex(signer.key["id"])}
    key: Any = next(iter(session.get_objects(wanted)))
    return lambda payload: key.sign(hashlib.sha256(payload).digest(), mechanism=pkcs11.Mechanism.ECDSA)
