# SPDX-License-Identifier: Apache-2.0
"""The laptop's enrolment request to the operator's backend, and what an engineer can do about each way it fails.

It makes one request and never retries: the same work order with the same terminal may simply be repeated.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

from firmware.backend.client import BackendClient
from firmware.backend.errors import BackendAnswerInvalid, BackendRefusedRequest, BackendUnreachable, Why
from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from firmware.backend.answers import Enrolled
    from hal.deadline import Deadline

SENTENCES: Mapping[Why, tuple[str, str]] = {
    Why.ADDRESS: ("its name does not resolve", "getent hosts NAME; check DNS and /etc/hosts"),
    Why.CONNECT: ("nobody answers there", "check cable, proxy and firewall; curl -v URL"),
    Why.TLS: ("the TLS 1.3 handshake failed", "check that the URL is the operator's backend and no proxy stands between"),
    Why.SERVER_CERTIFICATE: (
        "its certificate is not from the operator's CA, expired, or for another name",
        "check the clock (timedatectl) and the CA file",
    ),
    Why.CLIENT_CERTIFICATE: ("it does not accept this terminal's certificate", "rnt doctor --only certificates"),
    Why.CLOSED: ("the connection ended before the answer was whole", "repeat the command"),
    Why.DEADLINE: ("it did not answer in time", "repeat with a longer --timeout"),
}
"""Where an exchange ended → what an engineer is told, and what to try."""


def enrol(url: str, *, ca: Path, order: str, serial: str, requests: Mapping[str, bytes], deadline: Deadline) -> Enrolled:
    """Exchange two certificate requests (DER) for certificates and trust list, unverified; raises :class:`Stopped`."""
    try:
        with BackendClient(url, ca, None, None, deadline.left()) as client:
            return client.enrol(order, serial, requests["record"], requests["tls"], deadline=deadline)
    except (ssl.SSLError, OSError) as error:
        raise Stopped(ExitCode.USAGE, f"The CA file {ca} is not a PEM certificate.", "check --operator-ca") from error
    except ValueError as error:
        raise Stopped(ExitCode.USAGE, f"The URL or the work order cannot be used: {error}.", "check --operator and --work-order") from error
    except BackendUnreachable as error:
        cause, fix = SENTENCES[error.why]
        code = ExitCode.VERIFICATION if error.why is Why.SERVER_CERTIFICATE else ExitCode.NETWORK
        raise Stopped(code, f"The operator at {url}: {cause}.", fix) from error
    except BackendAnswerInvalid as error:
        raise Stopped(ExitCode.VERIFICATION, f"The operator's answer is not what the API allows ({error}).", "ask the operator") from error
    except BackendRefusedRequest as error:
        raise _refused(error) from error


def _refused(error: BackendRefusedRequest) -> Stopped:
    if error.retryable:
        return Stopped(ExitCode.NETWORK, f"The operator cannot answer now ({error}).", "repeat the command later")
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Stopped(ExitCode.NOT_AUTHORISED, f"The operator refuses this work order ({error}).", "ask the operator for a new work order")
    return Stopped(ExitCode.FAILED, f"The operator refuses the enrolment ({error}).", "ask the operator")
