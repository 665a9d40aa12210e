"""/v1 as OpenAI's own client meets it."""

import json

import httpx2
import openai
import pytest

from rag.server.completion import reply, without_marks
from rag.types import Answer, Citation, IndexInfo, NearSentence
from tests.server.conftest import SALES, SENTENCE
from tests.server.running import Running


@pytest.fixture(scope="module")
def client(fake: Running):
    with openai.OpenAI(
        base_url=f"{fake.url}/v1", api_key="none", max_retries=0, http_client=httpx2.Client(trust_env=False)
    ) as client:
        yield client


def ask(client: openai.OpenAI, question: str = SALES, **options):
    return client.chat.completions.create(model="rag", messages=[{"role": "user", "content": question}], **options)


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["rag"]
    assert client.models.retrieve("rag").id == "rag"
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.models.retrieve("gpt-4")


def test_an_answer_holds_sentences_with_marks_and_a_citation_for_each(client: openai.OpenAI, fake: Running) -> None:
    completion = ask(client)
    message = completion.choices[0].message
    assert SENTENCE + " [" in message.content
    citations = message.model_extra["context"]["citations"]
    assert [a.type for a in message.annotations] == ["url_citation"] * len(citations)
    with fake.client() as http:
        for number, (annotation, citation) in enumerate(zip(message.annotations, citations, strict=True), 1):
            found = annotation.url_citation
            assert message.content[found.start_index : found.end_index] == f"[{number}]"
            assert message.content[: found.start_index].endswith(citation["content"] + " ")
            assert found.url == citation["url"]
            document = http.get(f"/documents/{citation['document_id']}").json()
            assert document["text"][citation["start"] : citation["end"]] == citation["content"]
            assert (document["title"], document["path"]) == (citation["title"], citation["filepath"])
            page = http.get(found.url)
            assert f'<mark id="cited" tabindex="-1" autofocus>{citation["content"]}</mark>' in page.text
            assert found.url.startswith(fake.url)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0


def test_streamed_and_whole_are_equal(client: openai.OpenAI) -> None:
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    *body, last, usage = chunks
    assert body[0].choices[0].delta.role == "assistant"
    assert len(body) > 2
    content = "".join(chunk.choices[0].delta.content or "" for chunk in (*body, last))
    message = whole.choices[0].message
    assert content == message.content
    extra = last.choices[0].delta.model_extra
    assert extra["annotations"] == [annotation.model_dump() for annotation in message.annotations]
    assert extra["context"] == message.model_extra["context"]
    assert [chunk.choices[0].finish_reason for chunk in (*body, last)] == [None] * len(body) + ["stop"]
    assert usage.choices == []
    assert usage.usage == whole.usage
    assert all(chunk.usage is None for chunk in (*body, last))
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_usage_no_chunk_speaks_of_it(fake: Running) -> None:
    body = {"model": "rag", "stream": True, "messages": [{"role": "user", "content": SALES}]}
    with fake.client() as http:
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    assert all("usage" not in json.loads(event) for event in events[:-1])


def test_the_source_list_is_switched_by_request(client: openai.OpenAI) -> None:
    with_list, without = ask(client), ask(client, extra_body={"sources": False})
    marked, _, listed = with_list.choices[0].message.content.partition("\n\n**来源**\n\n")
    assert marked == without.choices[0].message.content
    assert listed.startswith("1. [智新科技召开年会](http://127.0.0.1:")
    for completion in (with_list, without):
        assert completion.choices[0].message.annotations
    assert "**Sources**" in ask(client, "how many sets did they sell").choices[0].message.content


def test_what_documents_hold_is_escaped_in_the_source_list(client: openai.OpenAI) -> None:
    content = ask(client, "坏文档说共有多少个").choices[0].message.content
    listed = content.partition("\n\n**来源**\n\n")[2]
    assert "坏标题" in listed
    assert "<script>" not in listed
    assert "\\<script\\>" in listed
    assert "](javascript:" not in listed


def test_earlier_replies_come_back_without_marks_and_sources(client: openai.OpenAI) -> None:
    for sources in (True, False):
        content = ask(client, extra_body={"sources": sources}).choices[0].message.content
        stripped = without_marks(content)
        assert "[1]" not in stripped
        assert "来源" not in stripped
        assert stripped.startswith(SENTENCE)
    assert without_marks("见 [1] 号楼与 [2024] 年") == "见 [1] 号楼与 [2024] 年"


def test_history_is_what_came_before_the_last_user_message(client: openai.OpenAI, fake: Running) -> None:
    first = ask(client).choices[0].message.content
    completion = client.chat.completions.create(
        model="rag",
        messages=[
            {"role": "system", "content": "你是一个助手"},
            {"role": "user", "content": SALES},
            {"role": "assistant", "content": first},
            {"role": "user", "content": [{"type": "text", "text": "那今年的"}, {"type": "text", "text": "目标呢?"}]},
            {"role": "assistant", "content": "（开头）"},
        ],
    )
    context = completion.choices[0].message.model_extra["context"]
    assert context["standalone_question"] == "智新科技今年的销量目标是多少？"
    history = [{"role": "user", "text": SALES}, {"role": "assistant", "text": "x"}]
    with fake.client() as http:
        answer = http.post("/ask", json={"question": "那今年的\n目标呢?", "history": history}).json()
    assert [c["content"] for c in context["citations"]] == [c["quote"] for c in answer["citations"]]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.3, "top_p": 0.5, "max_tokens": 1, "max_completion_tokens": 5, "seed": 1, "stop": ["万"]},
        {"n": 1, "logprobs": False, "response_format": {"type": "text"}, "modalities": ["text"], "user": "u"},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "auto"},
        {"frequency_penalty": 1.0, "reasoning_effort": "low", "service_tier": "auto", "store": True, "metadata": {}},
        {"extra_body": {"unknown_field": {"a": [1]}, "sources": None}},
    ],
)
def test_fields_that_steer_how_a_model_writes_are_ignored(client: openai.OpenAI, options) -> None:
    assert ask(client, **options).choices[0].message.content == ask(client).choices[0].message.content


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"extra_body": {"sources": "perhaps"}}, "sources"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"extra_body": {"messages": [{"role": "system", "content": "a"}]}}, "messages"),
        ({"extra_body": {"messages": [{"role": "emperor", "content": "a"}]}}, "messages.0.role"),
        (
            {"extra_body": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}},
            "messages",
        ),
    ],
)
def test_what_asks_for_another_kind_of_answer_is_refused(client: openai.OpenAI, options, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **options)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body["message"]


def test_an_unknown_model_and_an_empty_question_are_told_as_openai_does(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": SALES}])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="empty"):
        ask(client, "  ")
    with pytest.raises(openai.BadRequestError, match="too long"):
        ask(client, "长" * 2001)


def test_an_abstention_says_so_in_words_with_a_reason_and_no_citations(tmp_path) -> None:
    from rag.server.settings import ServerSettings
    from tests.conftest import FakeEmbedder
    from tests.server.running import serving

    with serving(ServerSettings(store=tmp_path / "vectorstore"), FakeEmbedder()) as running, running.client() as http:

        def abstained(question: str) -> dict:
            body = {"model": "rag", "messages": [{"role": "user", "content": question}]}
            return http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]

        chinese, english = abstained(SALES), abstained("How many?")
    assert chinese["content"] == "没有答案：库中没有可供回答的内容。"
    assert english["content"] == "No answer: the store holds nothing to answer from."
    for message in (chinese, english):
        assert without_marks(message["content"]) == ""  # sent back, it is none of the conversation's words
        assert message["annotations"] == []
        assert message["context"]["citations"] == []
        assert (message["context"]["status"], message["context"]["reason"]) == ("abstained", "no_passage")


@pytest.mark.parametrize(("question", "heading"), [(SALES, "可能相关，请核对"), ("Who?", "Possibly, please check")])
def test_sentences_beside_an_abstention_are_listed_apart_and_not_taken_for_history(question: str, heading: str) -> None:
    cited = Citation(
        1, "d", "a.txt", "公告[1](javascript:alert(1))", "2024-01-25", "L3", 4, 16, "去年销量\n达到**53万套。"
    )
    near = NearSentence(cited.quote, ((5, 12),), cited, 0.3124)
    silent = Answer(
        *(question, question, "abstained", "too_unsure", 0.3124, "", (), ()),
        nearest=(near, near),
        index=IndexInfo(1, 1, 1, "fake"),
    )
    sent = reply(silent, "http://here", True, (3, 0))
    reason, headed, listed = sent.content.split("\n\n")
    assert headed == f"**{heading}**"
    first, second = listed.splitlines()
    assert first.startswith("1. 去年销量 达到\\*\\*53万套。 · [公告")
    assert first.endswith("](http://here/source/d?start=4&end=16&check=584a13ed#cited) · a.txt L3 · 2024-01-25 · 31%")
    assert second == first.replace("1. ", "2. ", 1)
    assert "](javascript:" not in listed
    assert reason.startswith(("没有答案：", "No answer: "))
    assert without_marks(sent.content) == ""
    assert reply(silent, "http://here", False, (3, 0)).content == reason
    assert sent.annotations == []
    assert sent.context.citations == []
    assert [(one.content, one.score, one.highlights) for one in sent.context.nearest] == [
        (cited.quote, 0.3124, [(5, 12)])
    ] * 2
