# SPDX-License-Identifier: Apache-2.0
"""What tokens do wrong, each at the wire, and the one error that comes of it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.keystore import (
    KeyExists,
    KeyMissing,
    KeyUnavailable,
    KeyUnfit,
    KeyUnsafe,
    PinLocked,
    PinRefused,
    close_tokens,
    create_key,
    open_signer,
)
from firmware.keystore.token_key import TokenSigner
from firmware.keystore.token_process import TokenProcess
from firmware.keystore.token_worker import OPERATIONS
from hal.deadline import Deadline
from tests.support.new_token import PIN
from tests.support.tokens import ROOT

if TYPE_CHECKING:
    from tests.support.tokens import SoftHsm, SoftTpm


def made(token: SoftHsm | SoftTpm, base: Path, *, answer_s: float = 5.0) -> TokenSigner:
    """Return a fresh key of the token, reached through a worker of its own that waits ``answer_s`` at most."""
    signer = create_key(token.uri("record"), base)
    assert isinstance(signer, TokenSigner)
    close_tokens()
    return TokenSigner(TokenProcess(answer_s), signer.key, signer.spki, signer.kid)


def pkcs11(token: SoftHsm, code: str) -> Any:
    """Run ``code`` with a session ``s`` of the token, as a person with the PIN and the token's own tool would; returns its ``out``."""
    text = (
        "import json, sys, pkcs11\nfrom pkcs11 import Attribute as A, KeyType, ObjectClass as C\n"
        f"token = next(t for t in (x.get_token() for x in pkcs11.lib({str(token.module)!r}).get_slots(True)) if t.label == 'terminal')\n"
        f"s = token.open(rw=True, user_pin={PIN.decode()!r})\nout = None\n{code}\nprint(json.dumps(out))\n"
    )
    command = [sys.executable, "-c", text]
    return json.loads(subprocess.run(command, env={**os.environ, **token.environment}, check=True, capture_output=True, timeout=30).stdout)


# --- the token goes away ---------------------------------------------------------------------------------------------------------------


def test_token_taken_away_and_put_back_signs_again(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    assert len(signer.sign(b"x")) == 64
    softhsm.unplug()
    for _ in range(2):
        with pytest.raises(KeyUnavailable):
            signer.sign(b"x")
    softhsm.plug()
    assert len(signer.sign(b"x")) == 64


@pytest.mark.slow
def test_tpm_gone_in_the_middle_of_a_signature_is_one_error_and_a_new_start_signs(tpm: SoftTpm, base: Path) -> None:
    signer = made(tpm, base, answer_s=2.0)
    tpm.line.silent.set()
    failed: list[BaseException] = []

    def sign() -> None:
        try:
            signer.sign(b"x")
        except KeyUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=sign)
    before = tpm.line.signs()
    thread.start()
    while tpm.line.signs() == before:
        thread.join(0.005)
    tpm.unplug()
    thread.join(20)
    assert [type(error) for error in failed] == [KeyUnavailable]
    tpm.plug()
    assert len(signer.sign(b"x")) == 64


@pytest.mark.slow
def test_tpm_locked_by_power_cuts_says_so_and_signs_again_by_itself_when_it_has_recovered(tpm: SoftTpm, base: Path) -> None:
    """Each cut while the key was in use counts as a failed try; nobody has to change the PIN or start the terminal anew."""
    tpm.line.limit(tries=2, recovery_s=3)
    signer = made(tpm, base)
    cuts = 0
    while _signs(signer) and cuts < 20:
        tpm.unplug()
        signer.process.close()  # as the terminal is without power too
        tpm.plug()
        cuts += 1
    assert 2 <= cuts < 20
    end = Deadline.after(30)
    while not _signs(signer):
        assert end.left() > 0


def _signs(signer: TokenSigner) -> bool:
    try:
        return len(signer.sign(b"x")) == 64
    except PinLocked:
        return False


@pytest.mark.slow
def test_tpm_that_hangs_is_given_up_at_the_deadline_and_its_worker_killed(tpm: SoftTpm, base: Path) -> None:
    signer = made(tpm, base, answer_s=2.0)
    signer.sign(b"x")
    worker = signer.process.pid
    tpm.line.silent.set()
    with pytest.raises(KeyUnavailable) as failed:
        signer.sign(b"x")
    assert failed.value.why == "hung"
    assert signer.process.pid is None
    assert not Path(f"/proc/{worker}").exists()
    tpm.line.silent.clear()
    assert len(signer.sign(b"x")) == 64


@pytest.mark.slow
def test_worker_ends_itself_when_its_request_hangs_and_nobody_is_left_to_kill_it(tpm: SoftTpm, base: Path) -> None:
    """The owner is killed while it waits; the module still hangs in the worker."""
    signer = made(tpm, base)
    tpm.line.silent.set()
    before = tpm.line.signs()
    code = (
        "import json, sys\nfrom firmware.keystore.token_process import TokenProcess\n"
        "TokenProcess(3.0).ask('sign', json.loads(sys.argv[1]), digest='00' * 32, kid=sys.argv[2])"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, json.dumps(signer.key), signer.kid.hex()], cwd=ROOT)
    while tpm.line.signs() == before:
        assert owner.poll() is None
    (worker,) = map(int, Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text(encoding="ascii").split())
    ends = os.pidfd_open(worker)
    try:
        owner.kill()
        owner.wait()
        assert select.select([ends], [], [], 10)[0] == [ends]
    finally:
        os.close(ends)


def test_worker_killed_from_outside_is_one_error_then_a_new_one_signs(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    signer.sign(b"x")
    assert signer.process.pid is not None
    os.kill(signer.process.pid, signal.SIGKILL)
    with pytest.raises(KeyUnavailable) as failed:
        signer.sign(b"x")
    assert failed.value.why == "crashed"
    assert len(signer.sign(b"x")) == 64


# --- the token is busy -------------------------------------------------------------------------------------------------------------------


def test_busy_tpm_is_asked_again_until_it_signs(tpm: SoftTpm, base: Path) -> None:
    """libtss2 itself asks five times; twelve TPM_RC_RETRY reach the module's caller as an error twice."""
    signer = made(tpm, base)
    tpm.line.busy = 12
    assert len(signer.sign(b"x")) == 64
    assert tpm.line.busy == 0


@pytest.mark.slow
def test_tpm_busy_to_the_end_is_one_error_and_is_asked_again_by_the_next_signature(tpm: SoftTpm, base: Path) -> None:
    signer = made(tpm, base, answer_s=2.0)
    signer.sign(b"x")
    tpm.line.busy = 10**6
    with pytest.raises(KeyUnavailable) as failed:
        signer.sign(b"x")
    assert failed.value.why == "busy"
    tpm.line.busy = 0
    assert len(signer.sign(b"x")) == 64


# --- the PIN -----------------------------------------------------------------------------------------------------------------------------


def test_wrong_pin_is_sent_once_and_never_again(softhsm: SoftHsm, base: Path) -> None:
    """SoftHSM counts: after the first wrong PIN its flag is up, and it is read before the next one would be sent."""
    signer = made(softhsm, base)
    softhsm.set_pin("00000000")
    for _ in range(3):
        with pytest.raises(PinRefused, match="refused the PIN"):
            signer.sign(b"x")
    another = TokenSigner(TokenProcess(), signer.key, signer.spki, signer.kid)
    with pytest.raises(PinRefused, match="not tried again"):
        another.sign(b"x")
    softhsm.set_pin(PIN.decode())
    with pytest.raises(PinRefused, match="log in once by hand"):
        signer.sign(b"x")
    pkcs11(softhsm, "")  # a person logs in with the right one
    softhsm.set_pin(PIN.decode())
    assert len(signer.sign(b"x")) == 64


def test_wrong_pin_of_a_tpm_is_sent_once_for_each_change_of_the_file(tpm: SoftTpm, base: Path) -> None:
    signer = made(tpm, base)
    tpm.set_pin("00000000")
    with pytest.raises(PinRefused):
        signer.sign(b"x")
    asked = len(tpm.line.seen)
    for _ in range(3):
        with pytest.raises(PinRefused):
            signer.sign(b"x")
    assert len(tpm.line.seen) == asked
    tpm.set_pin(PIN.decode())
    assert len(signer.sign(b"x")) == 64


def test_pin_file_open_to_others_is_refused(softhsm: SoftHsm, base: Path) -> None:
    softhsm.pin_file.chmod(0o640)
    with pytest.raises(KeyUnsafe):
        create_key(softhsm.uri("record"), base)


def test_pin_file_that_is_not_there_is_a_missing_key(softhsm: SoftHsm, base: Path) -> None:
    softhsm.pin_file.unlink()
    with pytest.raises(KeyMissing):
        create_key(softhsm.uri("record"), base)


# --- what the token holds ----------------------------------------------------------------------------------------------------------------


def test_two_tokens_of_one_label_are_refused_and_told_apart_by_serial(softhsm: SoftHsm, base: Path) -> None:
    softhsm.new_token(1)
    with pytest.raises(KeyUnsafe, match="serial="):
        create_key(softhsm.uri("record"), base)
    slots = f"pkcs11.lib({str(softhsm.module)!r}).get_slots(True)"
    serials = pkcs11(softhsm, f"out = [x.get_token().serial.decode() for x in {slots}]")
    uri = softhsm.uri("record", path=f";serial={serials[0]}")
    assert create_key(uri, base).kid == open_signer(uri, base).kid


def test_token_of_another_label_is_absent(softhsm: SoftHsm, base: Path) -> None:
    with pytest.raises(KeyUnavailable) as failed:
        create_key(softhsm.uri("record").replace("token=terminal", "token=other"), base)
    assert failed.value.why == "absent"


def test_key_removed_from_the_token_is_missing(softhsm: SoftHsm, base: Path) -> None:
    create_key(softhsm.uri("record"), base)
    pkcs11(softhsm, "for o in list(s.get_objects()): o.destroy()")
    close_tokens()
    with pytest.raises(KeyMissing):
        open_signer(softhsm.uri("record"), base)


@pytest.mark.parametrize(
    ("curve", "extractable", "error"),
    [("secp256r1", "False", None), ("secp384r1", "False", KeyUnfit), ("secp256r1", "True", KeyUnsafe)],
    ids=["right", "wrong-curve", "extractable"],
)
def test_key_made_by_another_tool_is_used_only_when_it_is_fit(
    softhsm: SoftHsm,
    base: Path,
    curve: str,
    extractable: str,
    error: type[Exception] | None,
) -> None:
    pkcs11(
        softhsm,
        "from pkcs11.util.ec import encode_named_curve_parameters as named\n"
        f"p = s.create_domain_parameters(KeyType.EC, {{A.EC_PARAMS: named({curve!r})}}, local=True)\n"
        f"p.generate_keypair(store=True, label='record', id=b'\\x07', private_template={{A.EXTRACTABLE: {extractable}}})",
    )
    uri = softhsm.uri("record", path=";id=%07")
    if error is None:
        assert open_signer(uri, base).protection == "token"
        with pytest.raises(KeyExists):
            create_key(uri, base)
    else:
        with pytest.raises(error):
            open_signer(uri, base)


def test_key_put_in_the_place_of_the_terminals_own_is_refused(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    pkcs11(
        softhsm,
        "for o in list(s.get_objects()): o.destroy()\n"
        "from pkcs11.util.ec import encode_named_curve_parameters as named\n"
        "p = s.create_domain_parameters(KeyType.EC, {A.EC_PARAMS: named('secp256r1')}, local=True)\n"
        f"p.generate_keypair(store=True, label='record', id=bytes.fromhex({signer.key['id']!r}))",
    )
    close_tokens()
    with pytest.raises(KeyUnfit):
        open_signer(softhsm.uri("record"), base)
    with pytest.raises(KeyUnfit):
        signer.sign(b"x")


@pytest.mark.clause("DS-17")
def test_private_key_made_here_gives_its_value_to_nobody(softhsm: SoftHsm, base: Path) -> None:
    create_key(softhsm.uri("record"), base)
    flags = ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "PRIVATE", "EXTRACTABLE")
    told = pkcs11(
        softhsm,
        "k = next(iter(s.get_objects({A.CLASS: C.PRIVATE_KEY})))\n"
        f"out = [k[getattr(A, n)] for n in {flags!r}]\n"
        "try: k[A.VALUE]; out.append('told')\nexcept pkcs11.exceptions.AttributeSensitive: out.append('kept')",
    )
    assert told == [True, True, True, True, True, False, "kept"]


@pytest.mark.clause("DS-17")
def test_worker_knows_no_operation_that_returns_a_private_key() -> None:
    assert sorted(OPERATIONS) == ["create", "public", "retire", "sign"]


# --- processes ---------------------------------------------------------------------------------------------------------------------------


def test_child_of_a_fork_has_a_worker_of_its_own(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    signer.sign(b"x")
    ours = signer.process.pid
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(signer.sign(b"y")) == 64 and signer.process.pid != ours else 2
            signer.process.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert signer.process.pid == ours
    assert len(signer.sign(b"z")) == 64


def test_threads_share_one_worker(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(signer.sign(b"x") for _ in range(25))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(found)) == 100


def test_pin_and_module_are_not_seen_from_outside(softhsm: SoftHsm, base: Path) -> None:
    signer = made(softhsm, base)
    signer.sign(b"x")
    seen = b"".join(Path(f"/proc/{signer.process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert PIN not in seen
    assert PIN not in Path(f"/proc/{os.getpid()}/environ").read_bytes()


def test_module_that_others_can_replace_is_not_loaded(softhsm: SoftHsm, base: Path) -> None:
    loose = softhsm.home / "module.so"
    loose.write_bytes(softhsm.module.read_bytes())
    loose.chmod(0o666)
    with pytest.raises(KeyUnsafe):
        create_key(softhsm.uri("record", query=f"module-path={loose}&pin-source={softhsm.pin_file}"), base)


def test_module_that_is_none_is_one_error(softhsm: SoftHsm, base: Path) -> None:
    nothing = softhsm.home / "module.so"
    nothing.write_bytes(b"no module")
    with pytest.raises(KeyUnavailable) as failed:
        create_key(softhsm.uri("record", query=f"module-path={nothing}&pin-source={softhsm.pin_file}"), base)
    assert failed.value.why == "module"
