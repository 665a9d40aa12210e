"""Our own routes: questions, pages, probes; what browsers, operators and logs are told."""

import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest

from rag.assistant import LocalAssistant, fingerprint_of
from rag.errors import StoreCorruptError
from rag.server.links import check_of, source_url
from rag.server.logs import JsonFormatter
from rag.store import open_store
from rag.types import Citation, Filter, Turn
from tests.conftest import FakeEmbedder
from tests.server.conftest import EVIL, SALES, SENTENCE, make_settings
from tests.server.running import Running, put_in, serving, until


@pytest.fixture
def http(fake: Running):
    with fake.client() as client:
        yield client


def without_timings(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "timings_ms"}


def test_ask_is_the_answer_of_the_library(fake: Running, http) -> None:
    history = [{"role": "user", "text": SALES}, {"role": "assistant", "text": SENTENCE}]
    with open_store(fake.settings.store, fingerprint_of(FakeEmbedder())) as store:
        assistant = LocalAssistant(store, FakeEmbedder(), fake.settings)
        plain = json.loads(assistant.ask(SALES).to_json())
        followed = json.loads(assistant.ask("那今年呢?", [Turn(**turn) for turn in history]).to_json())  # type: ignore[arg-type]
    assert without_timings(http.post("/ask", json={"question": SALES}).json()) == without_timings(plain)
    answer = http.post("/ask", json={"question": "那今年呢?", "history": history}).json()
    assert without_timings(answer) == without_timings(followed)
    assert answer["standalone_question"] != answer["question"]


@pytest.mark.parametrize(
    ("filters", "same"),
    [
        ({"path": "*.md"}, Filter(paths=("*.md",))),
        ({"path": ["documents/several.txt", "*evil*"]}, Filter(paths=("*evil*", "documents/several.txt"))),
        ({"since": "2024-01-02", "until": "2024-01"}, Filter(since="2024-01-02", until="2024-01")),
        ({"metadata": {"source": "新华社"}}, Filter(metadata=(("source", ("新华社",)),))),
        ({}, None),
    ],
)
def test_filters_are_those_of_the_library(fake: Running, http, filters: dict, same: Filter | None) -> None:
    with open_store(fake.settings.store, fingerprint_of(FakeEmbedder())) as store:
        assistant = LocalAssistant(store, FakeEmbedder(), fake.settings)
        plain = json.loads(assistant.ask(SALES, filters=same).to_json())
        found = [citation.path for _, citation in assistant.find(SALES, 9, same)]
    assert without_timings(http.post("/ask", json={"question": SALES, "filters": filters}).json()) == without_timings(
        plain
    )
    passages = http.post("/search", json={"question": SALES, "k": 9, "filters": filters}).json()["passages"]
    assert [one["citation"]["path"] for one in passages] == found
    chat = {"model": "rag", "messages": [{"role": "user", "content": SALES}], "filters": filters}
    context = http.post("/v1/chat/completions", json=chat).json()["choices"][0]["message"]["context"]
    assert [one["content"] for one in context["citations"]] == [one["quote"] for one in plain["citations"]]
    assert (context["status"], context["reason"]) == (plain["status"], plain["reason"])


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"since": "2023-13"}, "since: 2023-13 is no date"),
        ({"since": "2024", "until": "2023"}, "since: 2024 is after until 2023"),
        ({"path": ""}, "path: give a path"),
        ({"metadata": {"date": "2023"}}, "use since and until"),
        ({"paths": "a"}, "filters.paths: Extra inputs"),
        ({"path": 3}, "filters.path"),
    ],
)
def test_a_filter_that_says_nothing_is_refused_in_one_line(http, filters: dict, told: str) -> None:
    for path in ("/ask", "/search"):
        refused = http.post(path, json={"question": SALES, "filters": filters})
        assert refused.status_code == 422
        assert told in refused.json()["detail"]
    chat = {"model": "rag", "messages": [{"role": "user", "content": SALES}], "filters": filters}
    refused = http.post("/v1/chat/completions", json=chat)
    assert refused.status_code == 400
    assert told in refused.json()["error"]["message"]


def test_search_gives_passages_that_can_be_opened(http) -> None:
    found = http.post("/search", json={"question": SALES, "k": 2}).json()["passages"]
    assert len(found) == 2
    assert found[0]["score"] >= found[1]["score"]
    citation = found[0]["citation"]
    text = http.get(f"/documents/{citation['document_id']}").json()["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    page = http.get(found[0]["url"])
    assert page.status_code == 200
    assert "<mark" in page.text


def test_a_link_marks_nothing_where_its_quote_no_longer_stands(http) -> None:
    citation = http.post("/ask", json={"question": SALES}).json()["citations"][0]
    span = {"start": citation["start"], "end": citation["end"]}
    for check, fits in (({}, True), ({"check": check_of(citation["quote"])}, True), ({"check": "0000abcd"}, False)):
        page = http.get(f"/source/{citation['document_id']}", params=span | check)
        assert (f">{citation['quote']}</mark>" in page.text) is fits
        assert ('role="status"' in page.text) is not fits
    moved = source_url("", Citation(**{**citation, "start": citation["start"] + 1, "end": citation["end"] + 1}))
    assert "<mark" not in http.get(moved).text


def test_the_page_of_a_document_interprets_nothing_of_it(http) -> None:
    (document,) = (d for d in http.get("/documents").json()["documents"] if d["path"].endswith("evil.md"))
    text = http.get(f"/documents/{document['id']}").json()["text"]
    start = text.index("坏文档说")
    page = http.get(f"/source/{document['id']}", params={"start": start, "end": len(text)})
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert EVIL.partition("[")[0] in document["title"]
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert http.get("/page/source.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/page.css"])
def test_what_a_browser_kept_of_the_page_is_not_sent_again(http, path: str) -> None:
    first = http.get(path)
    assert first.headers["cache-control"] == "no-cache"
    assert "script-src 'self';" in first.headers["content-security-policy"]
    again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.head(path).headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize("span", [{}, {"start": 5}, {"start": 9, "end": 5}, {"start": 0, "end": 10**9}, {"end": 3}])
def test_a_page_without_a_span_that_stands_there_has_no_mark(http, span: dict[str, int]) -> None:
    document = http.get("/documents").json()["documents"][0]
    page = http.get(f"/source/{document['id']}", params=span)
    assert page.status_code == 200
    assert "<mark" not in page.text
    assert ('role="status"' in page.text) == (len(span) == 2)


def test_what_does_not_exist_is_told_as_a_problem(http) -> None:
    for path in ("/nothing", "/source/0123", "/documents/0123", "/page/../app.py", "/page/%2e%2e/app.py"):
        answer = http.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == 404
        assert problem["request_id"] == answer.headers["x-request-id"]


def test_suggestions_are_answered_by_the_sentence_they_were_made_from(http) -> None:
    questions = http.get("/suggestions").json()["questions"]
    assert questions == ["智新科技去年销量达到多少万套？"]
    for question in questions:
        assert http.post("/ask", json={"question": question}).json()["status"] == "answered"
    assert http.get("/suggestions").json()["questions"] == questions


def test_problems_come_in_the_language_that_is_asked_for(http) -> None:
    long = {"question": "长" * 2001}
    assert "too long" in http.post("/ask", json=long).json()["detail"]
    assert "太长" in http.post("/ask", json=long, headers={"Accept-Language": "zh-CN,en;q=0.5"}).json()["detail"]


def test_probes_and_metrics(http) -> None:
    assert http.get("/healthz").json() == http.get("/readyz").json() == {"status": "ok"}
    http.post("/ask", json={"question": SALES})
    text = http.get("/metrics").text
    assert 'rag_requests_total{method="POST",route="/ask",status="200"}' in text
    assert 'rag_answers_total{reason="",status="answered"}' in text
    assert "rag_pending_questions 0.0" in text


def test_links_go_where_the_request_came_or_where_they_are_set_to_go(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, public_url="https://docs.example.org/")
    with serving(settings, FakeEmbedder()) as running, running.client() as http:
        found = http.post("/search", json={"question": SALES}).json()["passages"][0]
    assert found["url"].startswith("https://docs.example.org/source/")


def test_other_origins_are_let_in_only_where_they_are_set(tmp_path: Path, http) -> None:
    page = {"Origin": "https://chat.example.org"}
    assert http.post("/ask", json={"question": SALES}, headers=page).status_code == 403
    assert "access-control-allow-origin" not in http.get("/documents").headers
    settings = make_settings(tmp_path, cors_origins="https://chat.example.org")
    with serving(settings, FakeEmbedder()) as running, running.client() as own:
        answer = own.post("/ask", json={"question": SALES}, headers=page)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://chat.example.org"
        preflight = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        assert own.options("/ask", headers=preflight).status_code == 200
        assert own.post("/ask", json={"question": SALES}, headers={"Origin": "https://x.example"}).status_code == 403


def test_a_full_queue_says_so_and_comes_back(tmp_path: Path) -> None:
    gate = threading.Event()
    settings = make_settings(tmp_path, max_questions=2)

    class Slow(FakeEmbedder):
        def embed_questions(self, texts):
            gate.wait(20)
            return super().embed_questions(texts)

    gate.set()
    with serving(settings, Slow()) as running, running.client() as http:
        gate.clear()
        found: list[int] = []

        def ask() -> None:
            with running.client() as client:
                found.append(client.post("/ask", json={"question": SALES}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        while len(found) < 7:
            assert http.get("/healthz").status_code == 200  # the event loop is free all the while
        gate.set()
        for thread in threads:
            thread.join()
        assert sorted(found) == [200] * 3 + [503] * 7
        assert http.post("/ask", json={"question": SALES}).status_code == 200


@pytest.mark.parametrize("path", ["/ask", "/search", "/v1/chat/completions"])
def test_a_client_that_goes_away_takes_its_question_along(fake: Running, http, monkeypatch, path: str) -> None:
    gate = threading.Event()
    embed = FakeEmbedder.embed_questions
    monkeypatch.setattr(FakeEmbedder, "embed_questions", lambda *given: [gate.wait(20), embed(*given)][1])
    body = json.dumps({"question": "谁?", "model": "rag", "messages": [{"role": "user", "content": "谁?"}]})
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(http.post, "/ask", json={"question": f"{path}?"})  # not in the cache
        until(lambda: "rag_pending_questions 1.0" in http.get("/metrics").text)
        with socket.create_connection(("127.0.0.1", fake.port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode())
            until(lambda: "rag_pending_questions 2.0" in http.get("/metrics").text)
        try:
            until(lambda: "rag_pending_questions 1.0" in http.get("/metrics").text, 5)
        finally:
            gate.set()
        assert first.result().status_code == 200


def test_probes_take_no_more_than_one_place_in_the_queue(tmp_path: Path) -> None:
    gate = threading.Event()

    class Slow(FakeEmbedder):
        def embed_questions(self, texts):
            gate.wait(20)
            return super().embed_questions(texts)

    gate.set()
    settings = make_settings(tmp_path, max_questions=3)
    with serving(settings, Slow()) as running, running.client() as http, ThreadPoolExecutor(12) as pool:
        gate.clear()
        asked = [pool.submit(http.post, "/ask", json={"question": SALES})]
        until(lambda: "rag_pending_questions 1.0" in http.get("/metrics").text)
        probed = [pool.submit(http.get, "/readyz") for _ in range(10)]
        until(lambda: "rag_pending_questions 1.0" not in http.get("/metrics").text)
        asked.append(pool.submit(http.post, "/ask", json={"question": SALES}))
        until(lambda: "rag_pending_questions 3.0" in http.get("/metrics").text)
        gate.set()
        assert {one.result().status_code for one in [*asked, *probed]} == {200}


def test_a_server_that_idles_follows_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.server.app.REFRESH_SECONDS", 0.05)
    settings = make_settings(tmp_path)
    with serving(settings, FakeEmbedder()) as running, running.client() as http:

        def generation() -> str:
            return next(line for line in http.get("/metrics").text.splitlines() if line.startswith("rag_store_gen"))

        for name in ("a", "b"):
            before = generation()
            (tmp_path / f"{name}.txt").write_text(f"{name} 厂的消息\n{name} 厂去年生产水泵三百台。\n", "utf-8")
            put_in(settings, FakeEmbedder(), tmp_path / f"{name}.txt")
            until(lambda: generation() != before)  # noqa: B023


def logged(caplog: pytest.LogCaptureFixture) -> list[dict]:
    return [json.loads(JsonFormatter().format(record)) for record in caplog.records if record.name == "rag.server"]


@pytest.mark.parametrize("asked_for", [False, True])
def test_logs_hold_request_ids_and_questions_only_where_asked_for(tmp_path: Path, caplog, asked_for: bool) -> None:
    settings = make_settings(tmp_path, log_questions=asked_for)
    caplog.set_level(logging.INFO, "rag.server")
    with serving(settings, FakeEmbedder()) as running, running.client() as http:
        given = http.post("/ask", json={"question": SALES}, headers={"X-Request-ID": "my-id.1"})
        made = http.post("/search", json={"question": SALES}, headers={"X-Request-ID": "no spaces\there"})
        http.post("/v1/chat/completions", json={"model": "rag", "messages": [{"role": "user", "content": SALES}]})
    assert given.headers["x-request-id"] == "my-id.1"
    assert len(made.headers["x-request-id"]) == 32
    lines = [line for line in logged(caplog) if line["event"] == "request"]
    assert [line["route"] for line in lines] == ["/ask", "/search", "/v1/chat/completions"]
    assert lines[0]["request_id"] == "my-id.1"
    assert (SALES in json.dumps(lines, ensure_ascii=False)) == asked_for


@pytest.mark.parametrize(("kept", "cached"), [(256, [False, True]), (0, [False, False])])
def test_what_is_asked_again_is_answered_from_the_cache_unless_it_is_off(tmp_path: Path, caplog, kept, cached) -> None:
    with (
        caplog.at_level(logging.INFO, "rag.server"),
        serving(make_settings(tmp_path, answers_cached=kept), FakeEmbedder()) as running,
        running.client() as http,
    ):
        told = [http.post("/ask", json={"question": SALES}).json() for _ in range(2)]
    assert ["cached" in one.pop("timings_ms") for one in told] == cached
    assert told[0] == told[1]
    lines = [line for line in logged(caplog) if line.get("answer")]
    assert ["cached" in line for line in lines] == cached


def test_an_error_of_the_server_is_logged_and_told_without_its_details(tmp_path: Path, caplog) -> None:
    class Broken(FakeEmbedder):
        broken = False

        def embed_questions(self, texts):
            if self.broken:
                raise RuntimeError("secret detail")
            return super().embed_questions(texts)

    embedder = Broken()
    with caplog.at_level(logging.INFO, "rag.server"), serving(make_settings(tmp_path), embedder) as running:
        embedder.broken = True
        with running.client() as http:
            answer = http.post("/ask", json={"question": SALES})
            chat = {"model": "rag", "messages": [{"role": "user", "content": SALES}]}
            shaped = http.post("/v1/chat/completions", json=chat)
            assert http.get("/healthz").status_code == 200
    for response in (answer, shaped):
        assert response.status_code == 500
        assert "secret detail" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"
    assert shaped.json()["error"]["type"] == "server_error"
    failures = [line for line in logged(caplog) if line["event"] == "failed"]
    assert len(failures) == 2
    assert "secret detail" in failures[0]["traceback"]
    assert failures[0]["request_id"] == answer.json()["request_id"]


def test_why_the_store_cannot_be_used_is_for_the_log(tmp_path: Path, caplog) -> None:
    class Broken(FakeEmbedder):
        broken = False

        def embed_questions(self, texts):
            if self.broken:
                raise StoreCorruptError(path="/secret/place", reason="torn page")
            return super().embed_questions(texts)

    embedder = Broken()
    with caplog.at_level(logging.INFO, "rag.server"), serving(make_settings(tmp_path), embedder) as running:
        embedder.broken = True
        with running.client() as http:
            answer = http.post("/ask", json={"question": SALES})
            http.post("/ask", json={"question": "长" * 2001})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "secret" not in answer.text
    (line,) = [line for line in logged(caplog) if line["level"] == "error"]
    assert line["event"].startswith("/secret/place: the store cannot be read (torn page)")
    assert line["request_id"] == answer.headers["x-request-id"]


def test_the_examples_of_the_description_fit_it_and_work(http) -> None:
    description = http.get("/openapi.json").json()
    for path, media in (("/ask", None), ("/search", None), ("/documents", "application/json")):
        body = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = description["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]] if "$ref" in body else body
        for example in schema["examples"]:
            jsonschema.validate(example, {**schema, "components": description["components"]})
            assert http.post(path, json=example).status_code == 200, (path, media)
    assert set(description["components"]["securitySchemes"]) == {"HTTPBearer"}
