# SPDX-License-Identifier: Apache-2.0
"""The subset of RFC 7512 a key URI may use, and everything else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.keystore.errors import KeyUriMalformed
from firmware.keystore.token_uri import TokenUri, parse

WHOLE = "token=rnt;object=record?module-path=/usr/lib/m.so&pin-source=file:/var/lib/rnt/keys/token.pin"
QUERY = WHOLE.partition("?")[2]


def test_whole_uri_is_read_attribute_by_attribute() -> None:
    text = "serial=ab%201;type=private;id=%01%fF;object=record;token=%E7%BB%88%E7%AB%AF?pin-source=/p/%41&module-path=/m.so"
    assert parse(text) == TokenUri("终端", "record", b"\x01\xff", "ab 1", Path("/m.so"), Path("/p/A"))


def test_id_and_serial_may_be_left_out() -> None:
    assert parse(WHOLE) == TokenUri("rnt", "record", None, None, Path("/usr/lib/m.so"), Path("/var/lib/rnt/keys/token.pin"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token=rnt",
        "object=record",
        "token=rnt;object=record",
        WHOLE.replace("token=rnt;", ""),
        WHOLE.replace(";object=record", ""),
        WHOLE.replace("module-path=/usr/lib/m.so&", ""),
        WHOLE.replace("&pin-source=file:/var/lib/rnt/keys/token.pin", ""),
        f"{WHOLE}&pin-value=1234",
        f"{WHOLE}&module-name=m",
        f"{WHOLE}&x-vendor=1",
        f"{WHOLE}&module-path=/other.so",
        f"token=rnt;token=rnt;object=record?{QUERY}",
        f"token=rnt;object=record;type=public?{QUERY}",
        f"token=rnt;object=record;slot-id=1?{QUERY}",
        f"token=rnt;object=record;?{QUERY}",
        f"token=;object=record?{QUERY}",
        f"token=rnt;object=?{QUERY}",
        f"token=rnt;object=a%2Fb?{QUERY}",
        f"token=rnt;object=..%2Frecord?{QUERY}",
        f"token=rnt;object={'r' * 65}?{QUERY}",
        f"token={'t' * 33};object=record?{QUERY}",
        f"token=%FF;object=record?{QUERY}",
        f"token=%00;object=record?{QUERY}",
        f"token=r n t;object=record?{QUERY}",
        f"token=%zz;object=record?{QUERY}",
        f"token=%4;object=record?{QUERY}",
        f"token=rnt;object=record;id={'%00' * 33}?{QUERY}",
        WHOLE.replace("/usr/lib/m.so", "m.so"),
        WHOLE.replace("/usr/lib/m.so", "/usr/../m.so"),
        WHOLE.replace("file:/var", "file:var"),
        WHOLE.replace("file:/var", "http:/var"),
        f"{WHOLE}#fragment",
        "x" * 1025,
    ],
)
def test_uri_that_is_not_of_the_subset_is_malformed(text: str) -> None:
    with pytest.raises(KeyUriMalformed):
        parse(text)


def test_error_does_not_repeat_a_pin_that_was_put_into_the_uri() -> None:
    with pytest.raises(KeyUriMalformed) as refused:
        parse(f"{WHOLE}&pin-value=82716354")
    assert "82716354" not in str(refused.value)


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text(alphabet="tokenbjcid=;?&%:/.-file0A", max_size=120)))
def test_random_text_is_malformed_and_nothing_else(text: str) -> None:
    with pytest.raises(KeyUriMalformed):
        parse(text)


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.text(alphabet="tokenbjcid=;?&%:/.-\x00é", max_size=3))
def test_changed_uri_is_read_or_malformed(begin: int, end: int, middle: str) -> None:
    try:
        found = parse(WHOLE[:begin] + middle + WHOLE[end:])
    except KeyUriMalformed:
        return
    assert found.module.is_absolute()
    assert found.pin_file.is_absolute()


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.text(min_size=1, max_size=8).filter(str.isprintable), st.binary(min_size=1, max_size=32))
def test_any_label_and_id_survive_percent_encoding(label: str, identity: bytes) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in identity)
    found = parse(f"token={quote(label, safe='')};object=record;id={encoded}?{QUERY}")
    assert (found.token, found.id) == (label, identity)
    again = parse(found.provider_text(identity).removeprefix("pkcs11:") + "&module-path=/m.so")
    assert (again.token, again.id, again.object) == (label, identity, "record")
