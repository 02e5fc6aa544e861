# SPDX-License-Identifier: Apache-2.0
"""Checks of what the terminal owns: keys, certificates, trust list, journal."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from firmware.keystore import KeystoreError, public_key, store_key_length
from firmware.runtime.certificates import CertificateRefused, check_certificate, days_left
from firmware.runtime.device_keys import STORE_KEY
from firmware.runtime.maintenance import CA, PURPOSES, TRUST, Maintenance, certificate_file
from host_tools.rnt.doctor.check import fail, ok, unknown, warn
from host_tools.rnt.enrolment import EnrolmentRefused, check_trust

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from firmware.runtime.config import Config
    from host_tools.rnt.doctor.check import Finding, Patient

PROVISION = "rnt provision --terminal local:{path} --operator URL --operator-ca FILE --work-order FILE"
RENEW = PROVISION + " --renew --serial {serial}"
RENEW_SHARE = 1 / 3
"""Renewal is due when less than this share of a certificate's life is left, however long the operator makes that life."""


def _command(template: str, patient: Patient) -> str:
    return template.format(path=patient.config_path, serial=patient.config.terminal.serial)


def key_uris(config: Config) -> dict[str, str]:
    """Return purpose → key URI."""
    return {"record": config.keys.record, "tls": config.keys.tls}


def key_files(patient: Patient) -> Finding:
    """Look at the key files: there, ours alone, of the right size."""
    state = patient.config.terminal.state_dir
    files = [state / uri.removeprefix("file:") for uri in key_uris(patient.config).values() if uri.startswith("file:")]
    files.append(state / STORE_KEY)
    for path in files:
        try:
            about = path.stat()
        except FileNotFoundError:
            return fail(f"The key file {path} is missing.", _command(PROVISION, patient))
        except OSError as error:
            return unknown(
                f"The key file {path} cannot be looked at: {error.strerror}.", "repeat as the terminal's user: sudo -u rnt rnt doctor"
            )
        if stat.S_IMODE(about.st_mode) & 0o077:
            return fail(f"Others may read the key file {path} (mode {stat.S_IMODE(about.st_mode):04o}).", f"chmod 0600 {path}")
    try:
        _, is_sealed = store_key_length(state / STORE_KEY)
    except KeystoreError as error:
        return fail(f"The store key {state / STORE_KEY} is no suite's ({error}).", "take the terminal out of service")
    if patient.config.keys.seal == "controller" and not is_sealed:
        return warn("The store key is not sealed by the controller: a copy of the flash opens the journal.", _command(RENEW, patient))
    return ok(f"{len(files)} key files, each for this user alone{', sealed by the controller' if is_sealed else ''}.")


def trust_list(patient: Patient) -> Finding:
    """Look at the operator's trust list: there, readable, consistent."""
    path = patient.config.terminal.state_dir / TRUST
    try:
        trust = json.loads(path.read_bytes())
        check_trust(trust, _record_key(patient))
    except FileNotFoundError:
        return fail(f"There is no trust list at {path}.", _command(PROVISION, patient))
    except OSError as error:
        return unknown(f"The trust list {path} cannot be read: {error.strerror}.", "repeat as the terminal's user: sudo -u rnt rnt doctor")
    except (ValueError, EnrolmentRefused) as error:
        text = str(error) if isinstance(error, EnrolmentRefused) else "The trust list is not JSON."
        return fail(text, _command(RENEW, patient))
    if trust["backend_url"] != patient.config.backend.url:
        return warn(
            f"The operator's list names {trust['backend_url']}, the configuration {patient.config.backend.url}.",
            f"set [backend] url in {patient.config_path}",
        )
    return ok(f"Trust list of operator {trust['operator_id']}, approval keys: {len(trust['approval_keys'])}.")


def _record_key(patient: Patient) -> bytes | None:
    """Return the record key's SPKI, which tells the suite; a key that does not open is told by other checks."""
    with suppress(KeystoreError):
        return public_key(key_uris(patient.config)["record"], patient.config.terminal.state_dir).spki
    return None


def certificates(patient: Patient) -> Finding:
    """Look at both certificates: for our keys, from our CA, valid for a while."""
    try:
        found = {purpose: _read_certificate(patient, purpose) for purpose in PURPOSES}
    except FileNotFoundError as error:
        return fail(f"{error.filename} is missing.", _command(PROVISION, patient))
    except OSError as error:
        return unknown(f"{error.filename} cannot be read: {error.strerror}.", "repeat as the terminal's user: sudo -u rnt rnt doctor")
    except (KeystoreError, CertificateRefused) as error:
        return fail(f"A certificate does not fit: {error}", _command(RENEW, patient))
    lives = {purpose: (days_left(each), days_left(each, each.not_valid_before_utc)) for purpose, each in found.items()}
    purpose, (left, life) = min(lives.items(), key=lambda item: item[1][0] / item[1][1])
    return judge_life(purpose, left, life, _command(RENEW, patient))


def judge_life(purpose: str, left: float, life: float, renew: str) -> Finding:
    """Judge the certificate nearest to its end: ``left`` days of ``life``; ``renew`` is the command that makes a new one."""
    if left <= 0:
        return fail(f"The {purpose} certificate expired {-left:.0f} days ago.", renew)
    if left < life * RENEW_SHARE:
        return warn(f"The {purpose} certificate expires in {left:.0f} days.", renew)
    return ok(f"Both certificates fit their keys; the first to renew, {purpose}, expires in {left:.0f} days.")


def _read_certificate(patient: Patient, purpose: str) -> Certificate:
    state = patient.config.terminal.state_dir
    pem, ca = (state / certificate_file(purpose)).read_bytes(), (state / CA).read_bytes()
    key = public_key(key_uris(patient.config)[purpose], state)
    return check_certificate(pem, ca=ca, spki=key.spki, serial=patient.config.terminal.serial, purpose=purpose)


def journal(patient: Patient) -> Finding:
    """Have the journal verified, unless the running terminal holds it."""
    facts = Maintenance(patient.config).journal_facts()
    state = facts["state"]
    if state == "ok":
        waiting = len(facts["open_sessions"])
        if waiting:
            return warn(f"{waiting} activations are open; the terminal finishes them at its next start.", "systemctl start rnt-terminal")
        return ok(f"The journal's {facts['size']} entries add up.")
    if state == "busy":
        return unknown("The running terminal holds its journal.", "systemctl stop rnt-terminal; rnt doctor --only journal")
    if state == "absent":
        return ok("There is no journal yet.")
    if state == "journal_corrupt":
        return fail(
            "The journal's content does not add up.", "take the terminal out of service and send its state directory to the operator"
        )
    return fail("The journal or its key cannot be read.", "rnt doctor --only key-files,disk")
