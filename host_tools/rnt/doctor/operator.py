# SPDX-License-Identifier: Apache-2.0
"""Checks of the way to the operator: reachable with mutual TLS, and of one mind with us about the time."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

from firmware.backend.client import BackendClient
from firmware.backend.errors import BackendError, BackendUnreachable
from firmware.keystore import KeystoreError, KeyUnavailable, tls_key_file
from firmware.runtime.maintenance import CA, certificate_file
from firmware.runtime.sealing import seal_of
from host_tools.rnt.doctor.check import fail, ok, unknown, warn
from host_tools.rnt.operator import SENTENCES

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from host_tools.rnt.doctor.check import Finding, Patient

SKEW_WARN_S = 30
SKEW_FAIL_S = 300


class _CannotAsk(Exception):
    """The terminal's own files do not allow a connection; other checks say why, unless ``fix`` says what to do."""

    def __init__(self, text: str, fix: str = "rnt doctor --only key-files,certificates") -> None:
        super().__init__(text)
        self.fix = fix


def backend(patient: Patient) -> Finding:
    """Say to the operator that this terminal is alive, with its own certificate."""
    try:
        with _client(patient) as client:
            client.heartbeat(patient.config.terminal.serial, deadline=_deadline(patient))
    except _CannotAsk as error:
        return unknown(str(error), error.fix)
    except BackendUnreachable as error:
        cause, fix = SENTENCES[error.why]
        return fail(f"The operator at {patient.config.backend.url}: {cause}.", fix)
    except BackendError as error:
        return fail(
            f"The operator at {patient.config.backend.url} refuses or answers wrongly ({error}).",
            "rnt terminal info; then ask the operator",
        )
    return ok(f"The operator answers at {patient.config.backend.url} and accepts this terminal.")


def clock_skew(patient: Patient) -> Finding:
    """Compare our clock with the operator's."""
    try:
        skew = time.time() - _operator_time(patient)
    except (_CannotAsk, BackendError):
        return unknown("The operator cannot be asked for the time; see backend.", "rnt doctor --only backend")
    return judge_skew(skew)


def judge_skew(seconds: float) -> Finding:
    """Judge how far our clock is ahead of the operator's, in seconds."""
    text = f"Our clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the operator's."
    if abs(seconds) > SKEW_FAIL_S:
        return fail(text, "timedatectl set-ntp true")
    if abs(seconds) > SKEW_WARN_S:
        return warn(text, "timedatectl set-ntp true")
    return ok(text)


def _operator_time(patient: Patient) -> int:
    with _client(patient) as client:
        return client.time(deadline=_deadline(patient))


def _client(patient: Patient) -> BackendClient:
    state, config = patient.config.terminal.state_dir, patient.config
    try:
        with tls_key_file(config.keys.tls, state, seal_of(config)) as key:
            return BackendClient(config.backend.url, state / CA, state / certificate_file("tls"), key, config.backend.timeout_s)
    except KeyUnavailable as error:
        fix = "systemctl stop rnt-terminal; rnt doctor --only backend"  # a running terminal holds the controller that seals the key
        raise _CannotAsk(f"The terminal's TLS key cannot be used now: {error}.", fix) from error
    except (KeystoreError, OSError, ssl.SSLError, ValueError) as error:
        raise _CannotAsk("The terminal's TLS key, certificate or CA cannot be used.") from error


def _deadline(patient: Patient) -> Deadline:
    return patient.deadline.sooner(patient.config.backend.timeout_s)
