"""The OpenAPI description against the server: what it promises is what is answered, whatever is sent."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import FakeEmbedder
from tests.server.conftest import make_settings
from tests.server.running import Running, serving

EXAMPLES = 15  # of each operation, right and wrong
CHECKED = list(HealthCheck)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    """Of its own: documents come and go."""
    with serving(make_settings(tmp_path_factory.mktemp("schema")), FakeEmbedder()) as running:
        yield running


@pytest.fixture(scope="module")
def api(running: Running):
    found = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    found.config.output.sanitization.update(enabled=False)
    return found


OPERATIONS = [
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("POST", "/ask"),
    ("POST", "/search"),
    ("GET", "/suggestions"),
    ("GET", "/documents"),
    ("POST", "/documents"),
    ("GET", "/documents/{document_id}"),
    ("DELETE", "/documents/{document_id}"),
    ("GET", "/documents/{document_id}/pages/{number}"),
    ("GET", "/source/{document_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_described(api, method: str, path: str, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and path in ("/healthz", "/readyz"):
        pytest.skip("takes nothing that could be wrong")
    cases = api[path][method].as_strategy(generation_mode=mode)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=CHECKED)
    @given(case=cases)
    def check(case: schemathesis.Case) -> None:
        answer = case.call_and_validate(checks=CHECKS, timeout=20)
        if mode is GenerationMode.POSITIVE and path in ("/ask", "/search"):
            assert answer.status_code in (200, 422)

    check()


def test_every_route_is_described(running: Running) -> None:
    with running.client() as http:
        description = http.get("/openapi.json").json()
    found = {(method.upper(), path) for path, methods in description["paths"].items() for method in methods}
    assert found == set(OPERATIONS)
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)):
        assert reference in description["components"]["schemas"]
    for methods in description["paths"].values():
        for operation in methods.values():
            assert {"200", "401", "429", "503"} <= set(operation["responses"]) or "healthz" in operation["operationId"]
