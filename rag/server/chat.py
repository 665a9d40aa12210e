"""The shapes of OpenAI's chat completions, as far as an assistant has a use for them that quotes and writes nothing.

A request may hold any field of OpenAI's. Those that only steer how a model writes (temperature, top_p, max_tokens,
stop, seed, tools it need not call, ...) are ignored, and so are fields that nobody knows; those that ask for an answer
of another kind than can be given are refused with 400.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.filters import Filters
from rag.server.body import Body
from rag.server.describe import FILTERS, MODE
from rag.server.refusals import ModelUnknownError, UnprocessableError, UnsupportedError
from rag.types import Mode, Turn

MODEL = "rag"

_EXAMPLE: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "智新科技去年的销量是多少?"}]}


class Part(BaseModel):
    type: str
    text: str | None = None


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Raises UnsupportedError where a part is no text."""
        if not isinstance(self.content, list):
            return self.content or ""
        for part in self.content:
            if part.type != "text" and self.role == "user":
                raise UnsupportedError(
                    param="messages",
                    problem=f"content of type {part.type!r} cannot be read, only text.",
                    problem_zh=f"无法读取 {part.type!r} 类型的内容，只支持文字。",
                )
        return "\n".join(part.text or "" for part in self.content)


class StreamOptions(BaseModel):
    include_usage: bool | None = None


class ChatRequest(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [_EXAMPLE, {**_EXAMPLE, "stream": True, "sources": False}]}
    )

    model: str = Field(description=f"`{MODEL}`, the one there is.")
    messages: list[Message] = Field(
        min_length=1,
        description="The last user message is the question, the user and assistant messages before it are its history. "
        "System, developer, tool and function messages are passed over.",
    )
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    sources: bool | None = Field(
        None,
        description="Beyond OpenAI: whether `content` ends with a Markdown list of the sources. Where it is left out, "
        "as the server is set (`RAG_SOURCES`, true).",
    )
    mode: Mode | None = Field(None, description=f"Beyond OpenAI. {MODE}")
    filters: Filters | None = Field(None, description=f"Beyond OpenAI. {FILTERS}")
    n: int | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    response_format: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    function_call: str | dict[str, Any] | None = None

    def check(self) -> None:
        """Raises ModelUnknownError, or UnsupportedError for what would change what the answer is."""
        if self.model != MODEL:
            raise ModelUnknownError(model=self.model, known=MODEL, param="model")
        if self.stream_options is not None and not self.stream:
            raise UnsupportedError(
                param="stream_options",
                problem="is only allowed when `stream` is true.",
                problem_zh="仅在 `stream` 为 true 时可用。",
            )
        if self.n not in (None, 1):
            raise UnsupportedError(
                param="n",
                problem="there is one answer to a question; leave it out or send 1.",
                problem_zh="每个问题只有一个回答，请省略或设为 1。",
            )
        if self.logprobs:
            raise UnsupportedError(
                param="logprobs",
                problem="no tokens are sampled, so there are no probabilities of them.",
                problem_zh="不采样词元，因此没有概率。",
            )
        if self.modalities not in (None, ["text"]):
            raise UnsupportedError(param="modalities", problem="only text is answered.", problem_zh="只能回答文字。")
        if self.response_format and self.response_format.get("type") != "text":
            raise UnsupportedError(
                param="response_format",
                problem="answers are sentences of the documents, not JSON.",
                problem_zh="回答是文档中的句子，不是 JSON。",
            )
        for name in ("tool_choice", "function_call"):
            if getattr(self, name) not in (None, "auto", "none"):
                raise UnsupportedError(param=name, problem="no tools are called.", problem_zh="不调用工具。")

    def question(self) -> tuple[str, list[Turn]]:
        """The question and its history. Raises UnprocessableError where no user asks, UnsupportedError."""
        last = max((i for i, message in enumerate(self.messages) if message.role == "user"), default=None)
        if last is None:
            raise UnprocessableError(
                param="messages", problem_en="There is no user message.", problem_zh="没有用户消息（role 为 user）。"
            )
        return self.messages[last].text(), list(self._turns(last))

    def _turns(self, end: int) -> Iterator[Turn]:
        for message in self.messages[:end]:
            if message.role == "user":
                yield Turn("user", message.text())
            elif message.role == "assistant":
                yield Turn("assistant", message.text())


# --- what is sent ------------------------------------------------------------------------------------------------


class UrlCitation(BaseModel):
    start_index: int = Field(description="In code points of `content`; `content[start_index:end_index]` is the mark.")
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class AlsoContent(BaseModel):
    """Another document that holds the sentence, with the same figures."""

    content: str = Field(description="The sentence as it stands there.")
    title: str
    url: str
    filepath: str
    document_id: str
    date: str | None
    start: int = Field(description="In code points of that document's canonical text.")
    end: int
    locator: str


class CitedContent(BaseModel):
    content: str = Field(description="The quote, word for word.")
    title: str
    url: str = Field(description="The document, scrolled to the quote.")
    filepath: str
    document_id: str
    date: str | None
    start: int = Field(description="In code points of the document's canonical text.")
    end: int
    locator: str = Field(description="Where in the file: L12 (line), p3 (page), slide4, Sales!R7 (row), ch2, ¶31.")
    also_in: list[AlsoContent] = Field(
        default=[], description="Other documents that hold the same sentence, or nearly: reprints."
    )
    score: float = Field(description="The probability that the answer is right; of the whole answer.")


class NearContent(CitedContent):
    score: float = Field(description="The probability that this sentence answers.")
    highlights: list[tuple[int, int]] = Field(description="[start, end) of the words that may answer, in `content`.")


class Context(BaseModel):
    """Beyond OpenAI: the full record."""

    status: Literal["answered", "abstained"]
    reason: str | None = Field(description="Why it abstained, for programs.")
    confidence: float
    standalone_question: str
    citations: list[CitedContent]
    nearest: list[NearContent] = Field(
        description="When it abstained: up to three sentences that possibly answer, best first; to be checked."
    )


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]
    context: Context


class Choice(BaseModel):
    index: Literal[0] = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Usage(BaseModel):
    prompt_tokens: int = Field(description="In tokens of the embedding model.")
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = MODEL
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str


class Delta(BaseModel):
    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None
    context: Context | None = None


class ChunkChoice(BaseModel):
    index: Literal[0] = 0
    delta: Delta
    logprobs: None = None
    finish_reason: Literal["stop"] | None = None


class Chunk(BaseModel):
    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str = MODEL
    choices: list[ChunkChoice]
    usage: Usage | None = None
    system_fingerprint: str


class Model(BaseModel):
    id: str = MODEL
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "rag"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]
