# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI file against the running gateway: 5,000 requests made from its schemas, good and spoiled, and no answer it does not list."""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from simulators.backend.api import OPERATIONS
from tests.contract.backend.operator_messages import Operator, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parents[3] / "simulators" / "backend" / "openapi.yaml"
API: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")
EACH = 420
LISTED = [(path, method, item[method]) for path, item in API["paths"].items() for method in METHODS if method in item]


def resolved(part: Any) -> Any:
    """Return a part of the file with every reference replaced by what it names."""
    if isinstance(part, list):
        return [resolved(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        place: Any = API
        for name in part["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        return resolved(place)
    return {name: resolved(entry) for name, entry in part.items()}


def answers(operation: dict[str, Any]) -> dict[str, Draft4Validator]:
    """Return status → validator of an operation's answers."""
    listed = resolved(operation["responses"])
    return {status: Draft4Validator(answer["content"]["application/json"]["schema"]) for status, answer in listed.items()}


def body_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    content = resolved(operation.get("requestBody", {})).get("content")
    schema: dict[str, Any] | None = content["application/json"]["schema"] if content else None
    return schema


@pytest.fixture(scope="module")
def connection(running_operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[http.client.HTTPSConnection]:
    unit = Unit.enrolled(running_operator, tmp_path_factory.mktemp("fuzz") / "u", "RNT-FUZZ")
    connection = http.client.HTTPSConnection("localhost", int(running_operator.url.rsplit(":", 1)[1]), context=unit.context(), timeout=20)
    yield connection
    connection.close()


def made(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what a schema of the file allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "string":
        return (
            st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True)
            if "pattern" in schema
            else st.text(min_size=1, max_size=20)
        )
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema.get("maximum", 1 << 64))
    if schema["type"] == "array":
        return st.lists(made(schema["items"]), max_size=3)
    return st.fixed_dictionaries({name: made(part) for name, part in schema["properties"].items()})


def spoiled(good: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Bodies: as the schema has them, with a member more, less or of another kind, other JSON, and bytes."""
    anything = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.integers(), max_size=3)
    extra = st.tuples(good, st.dictionaries(st.text(max_size=6), anything, max_size=2)).map(lambda pair: {**pair[0], **pair[1]})
    changed = st.tuples(good, anything, st.integers(0, 9)).map(
        lambda parts: {**parts[0], sorted(parts[0])[parts[2] % len(parts[0])]: parts[1]}
    )
    less = st.tuples(good, st.integers(0, 9)).map(lambda parts: dict(list(parts[0].items())[: parts[1] % len(parts[0])]))
    return (good | extra | changed | less | anything).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


KEYS = st.binary(min_size=16, max_size=16).map(bytes.hex) | st.text("0123456789abcdefA%/. ", max_size=34)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Idempotency-Key": KEYS,
        "x-correlator": st.from_regex(r"\A[A-Za-z0-9._:-]{1,40}\Z") | st.text(" (\\)é", min_size=1, max_size=5),
        "Authorization": st.text("Bearer abc", max_size=14).map(lambda text: f"Bearer {text}"),
    },
)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method", "operation"), LISTED, ids=[operation["operationId"] for *_, operation in LISTED])
def test_no_request_gets_an_answer_that_is_not_listed(
    connection: http.client.HTTPSConnection, path: str, method: str, operation: dict[str, Any]
) -> None:
    schema, listed = body_schema(operation), answers(operation)
    bodies = spoiled(made(schema)) if schema else st.just(b"")
    seen: set[int] = set()

    @settings(max_examples=EACH, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bodies, KEYS, HEADERS)
    def send(body: bytes, key: str, headers: dict[str, str]) -> None:
        place = path.replace("{key}", key.replace("%", "%25").replace(" ", "%20"))
        lines = {name: value.encode("latin-1").decode("latin-1") for name, value in headers.items()}
        connection.request(method.upper(), place, body if method == "post" else None, lines)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        seen.add(answer.status)
        assert answer.getheader("Content-Type") == "application/json"
        good = str(answer.status) in listed
        assert good or content.get("status") == answer.status
        errors = [error.message for error in listed[str(answer.status) if good else "default"].iter_errors(content)]
        assert not errors
        if "x-correlator" in headers and answer.getheader("x-correlator") is not None:
            assert answer.getheader("x-correlator") == headers["x-correlator"]

    send()
    assert seen <= {200, 202, 400, 401, 403, 404, 409, 413, 422}
    assert seen & ({200, 404} if schema is None else {400})


def test_the_file_and_the_gateway_have_the_same_operations() -> None:
    assert {(row.method.lower(), row.path, row.event) for row in OPERATIONS} == {
        (method, path, operation["operationId"]) for path, method, operation in LISTED
    }
    assert EACH * len(LISTED) >= 5000


def test_every_request_is_closed_and_every_operation_has_errors_and_correlator() -> None:
    for _, _, operation in LISTED:
        schema = body_schema(operation)
        assert schema is None or schema["additionalProperties"] is False
        assert "default" in operation["responses"]
        assert {"$ref": "#/components/parameters/Correlator"} in operation["parameters"]
        assert all("x-correlator" in answer["headers"] for answer in resolved(operation["responses"]).values())


def test_good_answers_are_as_listed(operator: Operator, unit: Unit) -> None:
    decision = answers(API["paths"]["/v1/activations"]["post"])
    request = unit.request(operator.blank())
    for sent in (request, unit.request(operator.blank(), c259="ocr")):
        status, answer = unit.submit(sent)
        decision[str(status)].validate(answer)
    operator.control("rules", online="silent")
    try:
        status, answer = unit.submit(unit.request(operator.blank()))
    finally:
        operator.control("rules", online="off")
    assert status == 202
    decision["202"].validate(answer)
    result = unit.result(request, "cancelled")
    answers(API["paths"]["/v1/activations/{key}/result"]["post"])["200"].validate(unit.report(request.session, result)[1])
    reserved = unit.http("POST", "/v1/reservations", {"tariff": "prepaid"}, Idempotency_Key=os.urandom(16).hex())[1]
    answers(API["paths"]["/v1/reservations"]["post"])["200"].validate(reserved)
    answers(API["paths"]["/v1/enrolments"]["post"])["200"].validate(unit.enrolment)
