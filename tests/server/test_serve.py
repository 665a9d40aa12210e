"""`rag serve` and `rag keys` as commands: the real program in a process of its own, the real model, the seeds."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import openai
import pytest

from rag.server.settings import ServerSettings
from rag.types import Embedder
from tests.server.conftest import SALES
from tests.server.running import Running, put_in, served, until
from tests.test_cli import one_line, rag

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder, seeds: Path) -> Path:
    """A store of one of the seeds, to be copied."""
    made = ServerSettings(store=tmp_path_factory.mktemp("one") / "vectorstore")
    put_in(made, embedder, seeds / "000_41db2e3e070d3103.txt")
    return made.store


@pytest.fixture
def store(tmp_path: Path, one_file: Path) -> Path:
    return shutil.copytree(one_file, tmp_path / "vectorstore")


def without_timings(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name not in ("timings_ms", "id")}


def compare(running: Running, question: str, history: list[dict[str, str]], expected: dict) -> None:
    """/ask, a whole completion and a streamed one, against what the command line prints."""
    with running.client() as http:
        answer = http.post("/ask", json={"question": question, "history": history}).json()
    assert without_timings(answer) == without_timings(expected)
    messages = [{"role": turn["role"], "content": turn["text"]} for turn in history]
    messages.append({"role": "user", "content": question})
    with openai.OpenAI(
        base_url=f"{running.url}/v1", api_key="none", http_client=httpx2.Client(trust_env=False, verify=False)
    ) as client:
        whole = client.chat.completions.create(model="rag", messages=messages, extra_body={"sources": False})  # type: ignore[arg-type]
        chunks = list(client.chat.completions.create(model="rag", messages=messages, stream=True))  # type: ignore[arg-type]
    message, last = whole.choices[0].message, chunks[-1].choices[0].delta
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    context = message.model_extra["context"]
    assert last.model_extra["context"] == context
    assert last.model_extra["annotations"] == [annotation.model_dump() for annotation in message.annotations]
    assert streamed.partition("\n\n**")[0] == message.content
    assert (context["status"], context["reason"]) == (expected["status"], expected["reason"])
    names = {"content": "quote", "title": "title", "filepath": "path", "document_id": "document_id", "date": "date"}
    names |= {"start": "start", "end": "end", "locator": "locator"}
    assert [{name: c[name] for name in names} for c in context["citations"]] == [
        {name: c[other] for name, other in names.items()} for c in expected["citations"]
    ]
    assert [(near["content"], near["score"], near["highlights"]) for near in context["nearest"]] == [
        (near["text"], near["confidence"], near["highlights"]) for near in expected["nearest"]
    ]
    if expected["status"] == "answered":
        assert message.content == "\n".join(f"{s['text']} [{s['citation']}]" for s in expected["sentences"])


def development_questions(seeds: Path) -> tuple[list[dict], list[dict]]:
    """A few, some of them followed up and some unanswerable, and the others."""
    lines = (seeds / "qa.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines if '"split": "dev"' in line]
    followed = [question for question in questions if question["history"]]
    unanswerable = [question for question in questions if not question["answers"]]
    few = [*questions[:6], *followed[:2], *unanswerable[:2]]
    return few, [question for question in questions if question not in few]


def batch(store: Path, questions: list[dict], folder: Path) -> list[dict]:
    (folder / "in.jsonl").write_text("\n".join(json.dumps(q, ensure_ascii=False) for q in questions) + "\n", "utf-8")
    assert rag("ask", "--batch", folder / "in.jsonl", "--out", folder / "out.jsonl", store=store).returncode == 0
    return [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_the_first_questions_get_the_same_answer_everywhere(seeded: Running, seeds: Path, tmp_path: Path) -> None:
    some, _ = development_questions(seeds)
    for question, expected in zip(some, batch(seeded.settings.store, some, tmp_path), strict=True):
        history = [{"role": role, "text": text} for role, text in question["history"]]
        compare(seeded, question["question"], history, expected)
    printed = json.loads(rag("ask", SALES, "--json", store=seeded.settings.store).stdout)
    compare(seeded, SALES, [], printed)


@pytest.mark.slow
def test_every_third_of_the_others_gets_the_same_answer_everywhere(
    seeded: Running, seeds: Path, tmp_path: Path
) -> None:
    questions = development_questions(seeds)[1][::3]
    assert len(questions) > 25
    answers = batch(seeded.settings.store, questions, tmp_path)
    for question, expected in zip(questions, answers, strict=True):
        history = [{"role": role, "text": text} for role, text in question["history"]]
        compare(seeded, question["question"], history, expected)
    for question, expected in list(zip(questions, answers, strict=True))[::7]:  # --batch prints what --json does
        if not question["history"]:
            printed = json.loads(rag("ask", question["question"], "--json", store=seeded.settings.store).stdout)
            assert without_timings(printed) == without_timings(expected)


def test_beyond_this_machine_only_with_a_key(store: Path) -> None:
    line = one_line(rag("serve", "--host", "0.0.0.0", "--port", "0", store=store), 2)
    assert "needs an API key" in line
    assert "rag keys add" in line
    assert "API 密钥" in one_line(rag("serve", "--host", "::", store=store, RAG_LANGUAGE="zh"), 2)
    rag("keys", "add", "gone", store=store)
    rag("keys", "revoke", "gone", store=store)
    assert "needs an API key" in one_line(rag("serve", "--host", "192.0.2.1", store=store), 2)


def test_an_address_that_cannot_be_had_gets_one_line(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = one_line(rag("serve", "--port", str(taken.getsockname()[1]), store=store), 1)
    assert "cannot listen there" in line
    store.with_name("vectorstore-keys.json").write_text("[{")
    assert "API keys cannot be read" in one_line(rag("serve", "--port", "0", store=store), 1)


def test_keys_are_made_listed_and_revoked(store: Path) -> None:
    made = rag("keys", "add", "小李", "--scope", "write", store=store)
    assert made.returncode == 0
    secret = made.stdout.strip()
    assert secret.startswith("rag_")
    assert "already" in one_line(rag("keys", "add", "小李", store=store), 2)
    listed = rag("keys", "list", "--json", store=store).stdout
    assert secret not in listed
    assert [(key["name"], key["scope"], key["revoked"]) for key in json.loads(listed)] == [("小李", "write", None)]
    with served(store) as (running, _), running.client(secret) as http, running.client() as stranger:
        assert http.get("/documents").status_code == 200
        assert stranger.get("/documents").status_code == 401
        assert rag("keys", "revoke", "小李", store=store).returncode == 0
        assert http.get("/documents").status_code == 401
    assert "no such API key" in one_line(rag("keys", "revoke", "小李", store=store), 2)
    assert rag("keys", "list", store=store).stdout.startswith("小李\twrite\t")


def test_a_store_is_made_where_there_is_none(tmp_path: Path, embedder: Embedder) -> None:
    with served(tmp_path / "new") as (running, _), running.client() as http:
        assert http.post("/ask", json={"question": SALES}).json()["reason"] == "no_passage"
        text = "智新科技召开年会\n智新科技去年销量达到53万套。\n"
        assert http.post("/documents", json={"name": "a", "text": text}).status_code == 200
        assert http.post("/ask", json={"question": SALES}).json()["status"] == "answered"
    assert rag("verify", store=tmp_path / "new").returncode == 0


@pytest.mark.parametrize("stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_what_is_running_is_finished_when_it_is_told_to_stop(store: Path, seeds: Path, stop: signal.Signals) -> None:
    found: list[httpx2.Response] = []
    with served(store) as (running, process):

        def upload() -> None:
            data = (seeds / "002_dd84eff0a56d5221.txt").read_text("utf-8")[:3000].encode()
            with running.client() as http:
                found.append(http.post("/documents", files={"files": ("报告.txt", data)}))

        def ask() -> None:
            with running.client() as http:
                found.append(http.post("/ask", json={"question": SALES}))

        threads = [threading.Thread(target=job) for job in (upload, ask, ask)]
        for thread in threads:
            thread.start()
        with running.client() as http:
            until(lambda: "rag_pending_ingests 1.0" in http.get("/metrics").text)
        process.send_signal(stop)
        assert process.wait(60) == 0
        for thread in threads:
            thread.join()
    assert [answer.status_code for answer in found] == [200] * 3
    log = store.with_name("vectorstore.log").read_text().splitlines()
    assert json.loads(log[-2])["event"] == "stopped" or any('"stopped"' in line for line in log[-4:])
    listed = json.loads(rag("docs", "list", "--json", store=store).stdout)
    assert "vectorstore-files/报告.txt" in [document["path"] for document in listed]
    assert rag("verify", store=store).returncode == 0


def test_a_client_that_hangs_up_does_no_harm(store: Path) -> None:
    """The command line lets SIGPIPE end it; a server may not."""
    body = json.dumps({"model": "rag", "stream": True, "messages": [{"role": "user", "content": SALES}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with served(store) as (running, process):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", running.port)) as connection:
                connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not closed
        with running.client() as http:
            assert http.post("/ask", json={"question": SALES}).json()["status"] == "answered"
        assert process.poll() is None


@pytest.mark.slow
def test_questions_are_answered_while_the_command_line_ingests(store: Path, seeds: Path) -> None:
    with served(store) as (running, _), running.client() as http:
        before = http.post("/ask", json={"question": SALES}).json()["index"]
        ingest = subprocess.Popen(
            [sys.executable, "-m", "rag", "ingest", "-q", str(seeds)], env=os.environ | {"RAG_STORE": str(store)}
        )
        while ingest.poll() is None:
            answer = http.post("/ask", json={"question": SALES})
            assert answer.status_code == 200
            assert answer.json()["status"] == "answered"
            time.sleep(0.2)
        after = http.post("/ask", json={"question": SALES}).json()["index"]
    assert ingest.returncode == 0
    assert after["generation"] > before["generation"]
    assert after["documents"] == 14
