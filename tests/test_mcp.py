"""`rag mcp` as an agent meets it: the official SDK's own client, in memory over a fake embedder and over stdin and
stdout with the real model."""

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult, TextContent

from rag.assistant import LocalAssistant, fingerprint_of, open_assistant
from rag.errors import StoreMissingError
from rag.ingest import ingest
from rag.mcp import answer_text, make_server
from rag.settings import Settings, load_settings
from rag.store import open_store
from rag.types import Answer, Citation, Embedder, Filter, IndexInfo, NearSentence

QUESTION = "智新科技去年的销量是多少?"
SENTENCE = "智新科技去年销量达到53万套。"

Asking = Callable[[Client], Coroutine[Any, Any, CallToolResult]]


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def with_client(server: Any, use: Callable[[Client], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def session() -> Any:
        async with Client(server, **options) as client:
            return await use(client)

    return asyncio.run(asyncio.wait_for(session(), 120))


@pytest.fixture
def own(tmp_path: Path, fake_embedder: Embedder) -> Settings:
    """A store of two files, embedded by the fake."""
    (tmp_path / "a.txt").write_text(f"销量公告\n\n{SENTENCE}\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("The museum opens at nine. It is closed on Mondays.\n", encoding="utf-8")
    settings = load_settings(store=tmp_path / "vectorstore", min_confidence=0.0)
    with open_store(settings.store, fingerprint_of(fake_embedder), write=True) as store:
        ingest([tmp_path], store, fake_embedder, base=tmp_path, limit_mb=1, apart=[store.path])
    return settings


@pytest.fixture
def open_fake(fake_embedder: Embedder) -> Callable[[Settings], LocalAssistant]:
    def open_(settings: Settings) -> LocalAssistant:
        return LocalAssistant(open_store(settings.store, fingerprint_of(fake_embedder)), fake_embedder, settings)

    return open_


# --- in memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_say_what_they_take_and_give(own: Settings, open_fake: Any, mode: str) -> None:
    tools = with_client(make_server(own, open_fake), lambda client: client.list_tools(), mode=mode).tools
    assert [tool.name for tool in tools] == ["ask", "search"]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.input_schema["required"] == ["question"]
    names = {field.name for field in dataclasses.fields(Answer)}
    assert set(tools[0].output_schema["properties"]) == names
    assert tools[1].input_schema["properties"]["limit"]["maximum"] == 50


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_ask_gives_the_answer_as_structured_content_and_as_text(own: Settings, open_fake: Any, mode: str) -> None:
    result = with_client(
        make_server(own, open_fake), lambda client: client.call_tool("ask", {"question": QUESTION}), mode=mode
    )
    assert not result.is_error
    expected = json.loads(json.dumps(dataclasses.asdict(open_fake(own).ask(QUESTION))))
    assert without_timings(result.structured_content) == without_timings(expected)
    (citation, *_) = result.structured_content["citations"]
    document = open_store(own.store, None).document(citation["document_id"])
    assert document is not None
    assert document.text[citation["start"] : citation["end"]] == citation["quote"] == SENTENCE
    assert text_of(result).startswith(f"{SENTENCE} [1]\n")
    assert f"[1] a.txt {citation['locator']}" in text_of(result)


def test_filters_are_those_of_the_library(own: Settings, open_fake: Any) -> None:
    server = make_server(own, open_fake)

    def call(tool: str, **filters: object) -> Any:
        arguments = {"question": QUESTION, "filters": filters}
        return with_client(server, lambda client: client.call_tool(tool, arguments))

    found = call("ask", path="b*").structured_content
    expected = open_fake(own).ask(QUESTION, filters=Filter(paths=("b*",)))
    assert without_timings(found) == without_timings(json.loads(expected.to_json()))
    assert {one["path"] for one in found["citations"]} == {"b.txt"}
    passages = call("search", path=["b.txt"]).structured_content["passages"]
    assert {one["citation"]["path"] for one in passages} == {"b.txt"}
    assert call("ask", since="2023").structured_content["reason"] == "no_match"
    for wrong, told in (({"since": "去年"}, "since：去年 不是日期"), ({"where": "x"}, "filters.where")):
        refused = call("ask", **wrong)
        assert refused.is_error
        assert told in text_of(refused)


def test_ask_abstains_in_words_with_its_reason(own: Settings, open_fake: Any) -> None:
    never = own.model_copy(update={"min_confidence": 1.0})
    result = with_client(make_server(never, open_fake), lambda c: c.call_tool("ask", {"question": "Who won?"}))
    assert not result.is_error
    answer = result.structured_content
    assert answer["status"] == "abstained"
    assert answer["citations"] == []
    assert answer["reason"] in text_of(result)
    assert "do not answer" in text_of(result)


def test_sentences_that_come_near_are_told_apart_from_an_answer() -> None:
    cited = Citation(1, "d", "a.txt", "销量公告", None, "L3-L4", 0, 14, "去年销量\n达到53万套。")
    near = NearSentence(cited.quote, ((5, 11),), cited, 0.3124)
    silent = Answer(
        *(QUESTION, QUESTION, "abstained", "too_unsure", 0.3124, "", (), ()),
        nearest=(near,),
        index=IndexInfo(1, 1, 1, "fake"),
    )
    said, possibly, source, *quote = [line for line in answer_text(silent).splitlines() if line]
    assert said.startswith("The documents do not answer this question")
    assert said.endswith("(too_unsure).")
    assert possibly.startswith("Possibly, please check")
    assert source == "[1] a.txt L3-L4 · 销量公告 · 0.31"
    assert quote == ["    去年销量", "    达到53万套。"]
    alone = answer_text(dataclasses.replace(silent, nearest=()))
    assert alone == said


def test_search_gives_passages_with_their_sources(own: Settings, open_fake: Any) -> None:
    server = make_server(own, open_fake)
    result = with_client(server, lambda c: c.call_tool("search", {"question": QUESTION, "limit": 2}))
    passages = result.structured_content["passages"]
    assert [passage["citation"]["number"] for passage in passages] == [1, 2]
    assert passages[0]["score"] >= passages[1]["score"]
    assert passages[0]["citation"]["path"] == "a.txt"
    with open_store(own.store, None) as store:
        for passage in passages:
            citation = passage["citation"]
            document = store.document(citation["document_id"])
            assert document is not None
            assert document.text[citation["start"] : citation["end"]] == citation["quote"]
            assert citation["quote"].splitlines()[-1] in text_of(result)
    one = with_client(server, lambda c: c.call_tool("search", {"question": QUESTION, "limit": 1}))
    assert one.structured_content["passages"] == passages[:1]


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("ask", {"question": "  "}, "The question is empty."),
        ("ask", {"question": "长" * 3000}, "问题太长（3000 个字符）"),
        ("search", {"question": ""}, "The question is empty."),
        ("search", {"question": QUESTION, "limit": 0}, "greater than or equal to 1"),
        ("search", {"question": QUESTION, "limit": 51}, "less than or equal to 50"),
        ("ask", {}, "question"),
        ("delete", {"question": QUESTION}, "delete"),
    ],
)
def test_what_goes_wrong_is_a_tool_error_that_says_it(
    own: Settings, open_fake: Any, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = with_client(make_server(own, open_fake), lambda c: c.call_tool(tool, arguments))
    assert result.is_error
    assert says in text_of(result)
    assert "Traceback" not in text_of(result)


def test_an_agent_may_start_before_the_first_ingest(own: Settings, open_fake: Any) -> None:
    early, opened = own.model_copy(update={"store": own.store / "not-yet"}), 0

    def open_(settings: Settings) -> LocalAssistant:
        nonlocal opened
        opened += 1
        return open_fake(own if opened > 1 else early)

    async def use(client: Client) -> list[CallToolResult]:
        return [await client.call_tool("ask", {"question": QUESTION}) for _ in range(3)]

    first, *later = with_client(make_server(early, open_), use)
    assert first.is_error
    assert StoreMissingError(path=early.store).message("zh") in text_of(first)
    assert not any(result.is_error for result in later)
    assert opened == 2


def test_calls_at_once_open_one_assistant_and_agree(own: Settings, open_fake: Any) -> None:
    opened = 0

    def open_(settings: Settings) -> LocalAssistant:
        nonlocal opened
        opened += 1
        return open_fake(settings)

    async def use(client: Client) -> list[CallToolResult]:
        return await asyncio.gather(*(client.call_tool("ask", {"question": QUESTION}) for _ in range(16)))

    results = with_client(make_server(own, open_), use)
    assert opened == 1
    assert len({json.dumps(without_timings(result.structured_content)) for result in results}) == 1


def test_a_fault_of_the_program_is_not_shown_to_the_client(own: Settings) -> None:
    def open_(settings: Settings) -> LocalAssistant:
        raise ValueError("secret")

    result = with_client(make_server(own, open_), lambda c: c.call_tool("ask", {"question": QUESTION}))
    assert result.is_error
    assert "secret" not in text_of(result)


def without_timings(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timings_ms"}


# --- over stdin and stdout, the real model -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def over_seeds(settings: Settings, ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """With a store that no other test sees."""
    store = shutil.copytree(ingested, tmp_path_factory.mktemp("mcp") / "vectorstore")
    return settings.model_copy(update={"store": store})


@pytest.fixture(scope="module")
def command(over_seeds: Settings) -> StdioServerParameters:
    environment = os.environ | {"RAG_STORE": str(over_seeds.store), "RAG_LANGUAGE": "auto"}
    return StdioServerParameters(command=sys.executable, args=["-m", "rag", "mcp"], env=environment)


@pytest.mark.model
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_asks_the_seeds(command: StdioServerParameters, over_seeds: Settings, seeds: Path, mode: str) -> None:
    lines = (seeds / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [one["question"] for line in lines if (one := json.loads(line)).get("split") == "dev"][::5]

    async def use(client: Client) -> list[CallToolResult]:
        return [await client.call_tool("ask", {"question": question}) for question in [*questions, ""]]

    *results, empty = with_client(command, use, mode=mode)
    local = open_assistant(over_seeds)
    assert len(results) >= 5
    for question, result in zip(questions, results, strict=True):
        expected = json.loads(json.dumps(dataclasses.asdict(local.ask(question))))
        assert without_timings(result.structured_content) == without_timings(expected)
        cited = [*expected["citations"], *(near["citation"] for near in expected["nearest"])]
        assert all(citation["quote"].splitlines()[0] in text_of(result) for citation in cited)
    assert {result.structured_content["status"] for result in results} == {"answered", "abstained"}
    assert any(result.structured_content["nearest"] for result in results)
    assert empty.is_error


@pytest.mark.model
def test_nothing_but_the_protocol_on_standard_output(command: StdioServerParameters) -> None:
    """Spoken by hand: every line that comes back is a message; the end of input ends the program."""
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
    call = {"name": "ask", "arguments": {"question": QUESTION}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    with subprocess.Popen(
        [command.command, *command.args], env=command.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in messages:
            print(json.dumps(message), file=process.stdin, flush=True)
        replies = [json.loads(process.stdout.readline()) for _ in range(2)]
        rest, _ = process.communicate(timeout=60)
    assert [reply["id"] for reply in replies] == [1, 2]
    assert replies[1]["result"]["structuredContent"]["status"] == "answered"
    assert rest == ""
    assert process.returncode == 0


def test_a_bad_setting_is_one_line_and_no_protocol() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "rag", "mcp"],
        env=os.environ | {"RAG_TOP_K": "0", "RAG_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "RAG_TOP_K" in result.stderr
    assert len(result.stderr.splitlines()) == 1
