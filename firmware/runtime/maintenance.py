# SPDX-License-Identifier: Apache-2.0
"""The terminal's side of provisioning: what an engineer's laptop may ask of it, over standard input and output.

Decides what may be changed and when. Rules
* Private keys are made here and never leave; the laptop gets requests, certificates' facts and signatures over its challenges.
* Nothing is changed while the terminal runs (``busy``) or while an activation is open in the journal (``open_session``).
* New keys (a token's: the references to them) wait under ``next/`` until their certificates are verified here; then keys, certificates
  and trust list are put in place together (:mod:`firmware.runtime.installation`), and what a token's new key has replaced is destroyed.
  A repeated ``keygen`` returns the waiting keys, so a lost answer costs nothing.
* What exports, shows, resends or ends takes two people (:mod:`firmware.runtime.staff_operations`).
* Answers hold serials, key ids, digests and dates: nothing personal, but for the one field two people asked to see.

Protocol: JSON lines. The first line is ``{"ready": "maintenance", "serial": …}`` or ``{"error": …}``. Request
``{"op": NAME, "args": {…}}``, answer ``{"ok": {…}}`` or ``{"error": KIND, "message": TEXT}``. Bytes are hex, certificates PEM.

Run: ``python -m firmware.runtime.maintenance --config FILE``.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware.core.errors import Malformed, PackRefused
from firmware.core.keyring import Trust
from firmware.core.suite import INTERNATIONAL, SUITES, Suite
from firmware.journal import Journal, JournalBusy, JournalCorrupt, JournalError
from firmware.keystore import (
    KeyMissing,
    KeystoreError,
    KeyUnavailable,
    KeyUnfit,
    KeyUnsafe,
    SealBroken,
    SealedElsewhere,
    certificate_request,
    provider_for,
    retire_keys,
)
from firmware.runtime import config as configuration
from firmware.runtime import installation, policies, retention
from firmware.runtime.certificates import CertificateRefused, check_certificate, dates, parse
from firmware.runtime.clock import Clock
from firmware.runtime.device_keys import DeviceKeys
from firmware.runtime.refused import Refused
from firmware.runtime.registered_reader import SAM_ID, registered_sam_id, sam_file
from firmware.runtime.staff_operations import StaffOperations
from firmware.update.software import software_digest
from hal.deadline import Deadline
from hal.errors import HalError
from hal.id_reader.service import IdReaderService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from firmware.keystore import PublicKey, Signer

PURPOSES = ("record", "tls")
POSSESSION = b"rnt/possession/1"
"""Prefix of what a challenge signs, so that the signature is good for nothing else; then the challenge, then the key id."""
CHALLENGE_BYTES = 32
MAX_LINE = 256 * 1024
CA = "trust/operator-ca.pem"
TRUST = "trust/trust.json"
REQUESTS = "trust/requests.json"
READER_S = 5.0
"""What a connected reader gets to say who it is, in seconds."""


def certificate_file(purpose: str) -> str:
    """Return where the certificate of a key lives, relative to the state directory."""
    return f"trust/{purpose}-cert.pem"


def possession_message(challenge: bytes, kid: bytes) -> bytes:
    """Return the bytes a terminal signs to prove that it holds the key ``kid``."""
    return POSSESSION + challenge + kid


class Maintenance:
    """The operations, on the terminal that ``config`` describes."""

    def __init__(self, config: configuration.Config) -> None:
        self._serial = config.terminal.serial
        self._id_reader = config.device("id_reader")
        self._state = config.terminal.state_dir
        self._keys = DeviceKeys(config)
        self._uris = {"record": config.keys.record, "tls": config.keys.tls}
        self.operations: dict[str, Callable[..., dict[str, Any]]] = {
            "info": self.info,
            "keygen": self.keygen,
            "install": self.install,
            "install_packs": self.install_packs,
            "challenge": self.challenge,
            "reader": self.reader,
            "register_reader": self.register_reader,
        }
        staff = StaffOperations(config, journal=self._open_journal, log=self._open_log, trust=self._operator)
        self.operations |= staff.operations

    def info(self) -> dict[str, Any]:
        """Return who this terminal is and what state its keys, certificates and journal are in."""
        keys: dict[str, Any] = {}
        certificates: dict[str, Any] = {}
        for purpose in PURPOSES:
            key = self._keys.public(purpose)
            suite = key and provider_for(key.spki).suite.name
            keys[purpose] = key and {"kid": key.kid.hex(), "protection": key.protection, "suite": suite}
            certificates[purpose] = self._certificate_facts(purpose)
        trust = self._trust()
        return {
            "serial": self._serial,
            "provisioned": trust is not None and all(keys.values()) and all(certificates.values()),
            "keys": keys,
            "certificates": certificates,
            "sam_id": registered_sam_id(self._state).hex(),
            "operator": trust and {"id": str(trust.get("operator_id", "")), "url": str(trust.get("backend_url", ""))},
            "policy": trust and self._policy_facts(trust),
            "software": software_digest().hex(),
            "journal": self.journal_facts(),
        }

    def keygen(self, order: str, *, renew: bool = False, suite: str = "") -> dict[str, Any]:
        """Make the two keys (or return those already waiting) and return their certificate requests.

        ``order`` is the nonce of the operator's work order, bound into both requests. ``suite`` names that of the record key; without it,
        and for good after the first time, it is the terminal's own, at first the international one; the TLS key is always of that one.
        Raises :class:`Refused` ``provisioned`` when the terminal has its certificates and ``renew`` is not set.
        """
        if self.info()["provisioned"] and not renew:
            raise Refused("provisioned", "The terminal already has its keys and certificates.")
        wanted = self._suite(suite)
        self._keys.prepare()
        with self._undisturbed(wanted, renew=renew):
            signers = self._keys.make({"record": wanted, "tls": INTERNATIONAL})
            return {
                purpose: {
                    "csr": request,
                    "spki": signers[purpose].spki.hex(),
                    "kid": signers[purpose].kid.hex(),
                    "protection": signers[purpose].protection,
                }
                for purpose, request in self._requests(signers, order).items()
            }

    def _suite(self, name: str) -> Suite:
        """Return the suite to make keys of: the one this terminal has, which its store key tells, or the one asked for at first."""
        asked = next((suite for suite in SUITES.values() if suite.name == name), None)
        if name and asked is None:
            raise Refused("bad_request", f"A suite is one of {', '.join(suite.name for suite in SUITES.values())}.")
        own = self._keys.suite()
        if own is None:
            return asked or INTERNATIONAL
        if asked not in {None, own}:
            raise Refused("suite", f"This terminal is of the {own.name} suite for good; another needs an empty state directory.")
        return own

    def _requests(self, signers: Mapping[str, Signer], order: str) -> dict[str, str]:
        """Return the requests as hex: the very same ones when the same order is asked for again, as the operator demands."""
        for_whom = {"order": hashlib.sha256(order.encode()).hexdigest(), "kids": [signer.kid.hex() for signer in signers.values()]}
        try:
            waiting = json.loads((self._state / installation.STAGE / REQUESTS).read_bytes())
            if waiting["for"] == for_whom:
                found: dict[str, str] = waiting["requests"]
                return found
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # none waiting, or cut while written: new ones are as good
        requests = {
            purpose: certificate_request(signer, serial=self._serial, purpose=purpose, nonce=order).hex()
            for purpose, signer in signers.items()
        }
        installation.stage(self._state, {REQUESTS: json.dumps({"for": for_whom, "requests": requests}).encode()})
        return requests

    def install(
        self, record_cert: str, tls_cert: str, ca: str, trust: dict[str, Any], sam_id: str = "", packs: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Verify certificates against the waiting keys and the CA, then put keys, certificates, trust list and packs in place together.

        ``sam_id`` (hex) names the reader this terminal works with; without it the one registered before stays. ``packs`` are the operator's
        signed policy packs (hex): all of them, whatever was there before.
        """
        certificates = {"record": record_cert.encode(), "tls": tls_cert.encode()}
        with self._undisturbed():
            for purpose, pem in certificates.items():
                signer = self._keys.waiting(purpose)
                if signer is None:
                    raise Refused("no_waiting_keys", "There are no new keys waiting for certificates; make them first.")
                check_certificate(pem, ca=ca.encode(), spki=signer.spki, serial=self._serial, purpose=purpose)
            files = {certificate_file(purpose): pem for purpose, pem in certificates.items()}
            files |= {CA: ca.encode(), TRUST: json.dumps(trust, ensure_ascii=False, indent=2).encode()}
            files |= sam_file(sam_id) if sam_id else {}
            files |= self._policy_file(packs, trust, self._keys.waiting("record"))
            files |= self._keys.to_reseal()
            installation.stage(self._state, files)
            installation.commit(self._state)
            with suppress(KeystoreError):  # the token went away just now: the next installation does it
                for uri in self._uris.values():
                    retire_keys(uri, self._state)
        return {"installed": sorted(files)}

    def install_packs(self, packs: tuple[str, ...]) -> dict[str, Any]:
        """Put the operator's signed policy packs (hex) in place of those that were there."""
        with self._undisturbed():
            trust = self._trust()
            if trust is None:
                raise Refused("not_provisioned", "The terminal has no trust list to hold packs against.")
            files = self._policy_file(packs, trust, self._keys.public("record"))
            for name, content in files.items():  # one file; keys that wait for their certificates go on waiting
                installation.put(self._state, name, content)
        return {"installed": sorted(files)}

    def _policy_file(self, packs: tuple[str, ...], trust: dict[str, Any], key: Signer | PublicKey | None) -> dict[str, bytes]:
        messages = [bytes.fromhex(pack) for pack in packs]
        try:
            return policies.to_install(messages, _believed(trust, key), self._state, Clock(0).now().at)
        except (Malformed, PackRefused) as error:
            raise Refused("verification", f"The trust list or its policy packs may not be used: {error}.") from error

    def _operator(self) -> Trust:
        """Return the trust list in use; raises :class:`Refused` when there is none."""
        trust = self._trust()
        if trust is None:
            raise Refused("not_provisioned", "The terminal has no trust list that names an operator.")
        try:
            return _believed(trust, self._keys.public("record"))
        except Malformed as error:
            raise Refused("not_provisioned", "The terminal's trust list cannot be used.") from error

    def _policy_facts(self, trust: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return policies.facts(self._state, _believed(trust, self._keys.public("record")), Clock(0).now().at)
        except (Malformed, KeystoreError):
            return None

    def reader(self) -> dict[str, Any]:
        """Ask the connected ID reader for its SAM id (hex); empty, with the ``reason``, when none answers."""
        service = IdReaderService(self._id_reader)
        try:
            return {"sam_id": service.operations["open"]({}, Deadline.after(READER_S))["sam_id"], "reason": ""}
        except HalError as error:
            return {"sam_id": "", "reason": error.kind}
        finally:
            service.close()

    def register_reader(self, sam_id: str) -> dict[str, Any]:
        """Make the reader with this SAM id (hex) the one this terminal works with."""
        with self._undisturbed():
            for name, content in sam_file(sam_id).items():
                installation.put(self._state, name, content)
        return {"installed": [SAM_ID]}

    def challenge(self, nonce: str) -> dict[str, Any]:
        """Sign the laptop's challenge (32 bytes) with both keys in use: proof that this terminal holds them."""
        challenge = bytes.fromhex(nonce)
        if len(challenge) != CHALLENGE_BYTES:
            raise Refused("bad_request", f"a challenge is {CHALLENGE_BYTES} bytes")
        answer = {}
        for purpose in PURPOSES:
            signer = self._keys.signer(purpose)
            if signer is None:
                raise Refused("not_provisioned", "The terminal has no keys in use.")
            answer[purpose] = {"kid": signer.kid.hex(), "signature": signer.sign(possession_message(challenge, signer.kid)).hex()}
        return answer

    def _certificate_facts(self, purpose: str) -> dict[str, Any] | None:
        try:
            return dates(parse((self._state / certificate_file(purpose)).read_bytes(), f"{purpose} certificate"))
        except (FileNotFoundError, CertificateRefused):
            return None

    def _trust(self) -> dict[str, Any] | None:
        try:
            trust = json.loads((self._state / TRUST).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return trust if isinstance(trust, dict) else None

    def journal_facts(self) -> dict[str, Any]:
        """Return whether the journal is ``ok``, ``busy``, ``absent`` or unreadable, and when ok its size, head and open sessions."""
        if not (self._state / "journal.db").exists():
            return {"state": "absent"}
        try:
            with self._open_log()[0] as journal:
                size, root = journal.audit_head()
                return {"state": "ok", "size": size, "head": root.hex(), "open_sessions": [s.hex() for s in journal.open_sessions()]}
        except Refused as refused:
            return {"state": refused.kind}

    def _open_log(self) -> tuple[Journal, Signer | None]:
        """Return the journal and the key to end its export with; where the controller keeps the keys shut the log alone, unsigned."""
        try:
            return self._open_journal(), self._keys.signer("record")
        except (SealBroken, SealedElsewhere, KeyUnavailable):
            return self._open_without_key(), None

    def _open_without_key(self) -> Journal:
        try:
            return Journal.open(self._state / "journal.db", None)
        except JournalError as error:
            raise _journal_refusal(error) from error

    def _open_journal(self) -> Journal:
        """Open the journal, and end what it may no longer keep before anything is asked of it."""
        try:
            journal = Journal.open(self._state / "journal.db", self._keys.store_key())
            retention.begin(journal, Clock(journal.time_floor()).now())
        except (JournalError, KeyMissing, KeyUnsafe, KeyUnfit) as error:
            raise _journal_refusal(error) from error
        return journal

    @contextmanager
    def _journal(self) -> Iterator[Journal]:
        journal = self._open_journal()
        try:
            yield journal
        finally:
            journal.close()

    @contextmanager
    def _undisturbed(self, suite: Suite = INTERNATIONAL, *, renew: bool = False) -> Iterator[None]:
        """Hold the terminal still: no second engineer, no running terminal, no open activation. ``suite``: of a new store key.

        A terminal whose keys are lost cannot finish what is open; ``renew`` gives up what its store key sealed.
        """
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._state / "maintenance.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("busy", "Another engineer is changing this terminal.") from None
            self._keys.ensure_store_key(suite)
            if renew:
                self._keys.replace_lost_store_key()
            with self._journal() as journal:
                if journal.open_sessions() and not self._keys.lost():
                    raise Refused("open_session", "An activation is open in the journal; the terminal must finish it first.")
                yield
        finally:
            os.close(descriptor)


def _journal_refusal(error: Exception) -> Refused:
    if isinstance(error, JournalBusy):
        return Refused("busy", "The terminal is running and holds its journal; stop it first (systemctl stop rnt-terminal).")
    if isinstance(error, JournalCorrupt):
        return Refused("journal_corrupt", "The journal's content does not add up. Take the terminal out of service.")
    return Refused("journal_failed", "The journal or its key cannot be read.")


def _believed(trust: dict[str, Any], key: Signer | PublicKey | None) -> Trust:
    """Return a trust list read in the suite of the record ``key``; ``Malformed`` when it is of another."""
    if key is None:
        raise Malformed("no record key")
    return Trust.from_json(trust, provider_for(key.spki))


def _word(error: Exception) -> str:
    if isinstance(error, KeyUnavailable) and error.why == "controller":
        return "controller"
    if isinstance(error, SealBroken | SealedElsewhere):
        return "seal_broken" if isinstance(error, SealBroken) else "sealed_elsewhere"
    return "keys"


def answer(maintenance: Maintenance, line: bytes) -> dict[str, Any]:
    """Run one request line and return the answer object; no error leaves."""
    try:
        request = json.loads(line)
        operation = maintenance.operations[request["op"]]
        return {"ok": operation(**request.get("args", {}))}
    except Refused as refused:
        return {"error": refused.kind, "message": str(refused)}
    except CertificateRefused as refused:
        return {"error": "verification", "message": str(refused)}
    except (KeystoreError, JournalError) as error:
        return {"error": _word(error), "message": f"{type(error).__name__}: {error}"}
    except OSError as error:
        return {"error": "storage", "message": f"The state directory cannot be used: {error.strerror}."}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"error": "bad_request", "message": "The request was not understood."}


def serve(maintenance: Maintenance, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer request lines until the other end closes."""
    for line in iter(lambda: requests.readline(MAX_LINE), b""):
        answers.write(json.dumps(answer(maintenance, line)).encode() + b"\n")
        answers.flush()


def main() -> int:
    """Run the process; exit status 1 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(description="Maintenance of one terminal, as JSON lines on standard input and output.")
    parser.add_argument("--config", type=Path, default=Path("/etc/rnt/terminal.toml"))
    try:
        config = configuration.load(parser.parse_args().config)
        installation.finish(config.terminal.state_dir)
    except (configuration.ConfigError, OSError) as error:
        sys.stdout.write(json.dumps({"error": "config", "message": str(error)}) + "\n")
        return 1
    sys.stdout.write(json.dumps({"ready": "maintenance", "serial": config.terminal.serial}) + "\n")
    sys.stdout.flush()
    serve(Maintenance(config), sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
