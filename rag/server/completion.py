"""Answer -> a chat completion, whole or in chunks; both are cut from the same pieces."""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import regex

from rag.console import ALSO_IN, ALSO_SHOWN, POSSIBLY, REASONS
from rag.server.chat import (
    Annotation,
    AnswerMessage,
    Choice,
    Chunk,
    ChunkChoice,
    CitedContent,
    Completion,
    Context,
    Delta,
    NearContent,
    UrlCitation,
    Usage,
)
from rag.server.links import source_url
from rag.text import has_han
from rag.types import AlsoIn, Answer, Citation

_MARKDOWN = regex.compile(r"[\\`*_{}\[\]()<>#+!|~&]")
_SOURCES = regex.compile(rf"\n\n\*\*(?:来源|Sources|{'|'.join(POSSIBLY)})\*\*\n\n(?:\d+\. [^\n]*(?:\n|\Z))+\Z")
_MARK = regex.compile(r" \[\d{1,3}\](?=\n|\Z)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent of an answer, in the pieces that a stream sends it in."""

    pieces: tuple[str, ...]
    annotations: list[Annotation]
    context: Context
    usage: Usage
    id: str
    created: int
    fingerprint: str

    @property
    def content(self) -> str:
        return "".join(self.pieces)

    def completion(self) -> Completion:
        message = AnswerMessage(content=self.content, annotations=self.annotations, context=self.context)
        return Completion(
            id=self.id,
            created=self.created,
            choices=[Choice(message=message)],
            usage=self.usage,
            system_fingerprint=self.fingerprint,
        )

    def events(self, include_usage: bool) -> Iterator[str]:
        """Server-sent events: the role, the content piece by piece, the finish with the citations, the usage where
        asked for, the end."""
        last = Delta(annotations=self.annotations, context=self.context)
        choices = [ChunkChoice(delta=Delta(role="assistant", content=""))]
        choices += [ChunkChoice(delta=Delta(content=piece)) for piece in self.pieces]
        choices += [ChunkChoice(delta=last, finish_reason="stop")]
        for choice in choices:
            yield self._event([choice], {"usage": None} if include_usage else {})
        if include_usage:
            yield self._event([], {"usage": self.usage.model_dump()})
        yield "data: [DONE]\n\n"

    def _event(self, choices: list[ChunkChoice], usage: dict[str, Any]) -> str:
        chunk = Chunk(id=self.id, created=self.created, choices=choices, system_fingerprint=self.fingerprint)
        sent = chunk.model_dump(mode="json", exclude={"usage"}) | usage
        for choice in sent["choices"]:
            choice["delta"] = {name: value for name, value in choice["delta"].items() if value is not None}
        return f"data: {json.dumps(sent, ensure_ascii=False)}\n\n"


def reply(answer: Answer, base: str, sources: bool, tokens: tuple[int, int]) -> Reply:
    """`base` is our own address; `tokens` those of the prompt and of the answer's text."""
    pieces, annotations = _abstention(answer) if answer.status == "abstained" else _sentences(answer, base)
    if sources:
        pieces = (*pieces, *_lists(answer, base))
    return Reply(
        pieces=pieces,
        annotations=annotations,
        context=Context(
            status=answer.status,
            reason=answer.reason,
            confidence=answer.confidence,
            standalone_question=answer.standalone_question,
            citations=[
                CitedContent(**_record(citation, base), score=answer.confidence) for citation in answer.citations
            ],
            nearest=[
                NearContent(**_record(near.citation, base), score=near.confidence, highlights=list(near.highlights))
                for near in answer.nearest
            ],
        ),
        usage=Usage(prompt_tokens=tokens[0], completion_tokens=tokens[1], total_tokens=sum(tokens)),
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        fingerprint=f"{answer.index.embedder}-{answer.index.generation}",
    )


def _no_answer(reason: str) -> tuple[str, str]:
    english, chinese = REASONS[reason]
    return f"No answer: {english}.", f"没有答案：{chinese}。"


_ABSTENTIONS = frozenset(chain.from_iterable(map(_no_answer, REASONS)))


def without_marks(text: str) -> str:
    """An earlier reply of ours, as clients send it back, without its marks and its list of sources; "" of one that
    says that there is no answer: its words are none of the conversation's."""
    said = _MARK.sub("", _SOURCES.sub("", text))
    return "" if said.strip() in _ABSTENTIONS else said


def _sentences(answer: Answer, base: str) -> tuple[tuple[str, ...], list[Annotation]]:
    """Each sentence with its mark on a line of its own; one annotation a citation, on its first mark."""
    pieces: list[str] = []
    annotations: list[Annotation] = []
    marked: set[int] = set()
    citations = {citation.number: citation for citation in answer.citations}
    at = 0
    for number, sentence in enumerate(answer.sentences):
        mark = f"[{sentence.citation}]"
        piece = ("\n" if number else "") + f"{sentence.text} {mark}"
        at += len(piece)
        pieces.append(piece)
        if sentence.citation not in marked:
            marked.add(sentence.citation)
            citation = citations[sentence.citation]
            url = source_url(base, citation)
            cited = UrlCitation(start_index=at - len(mark), end_index=at, title=citation.title, url=url)
            annotations.append(Annotation(url_citation=cited))
    return tuple(pieces), annotations


def _abstention(answer: Answer) -> tuple[tuple[str, ...], list[Annotation]]:
    english, chinese = _no_answer(answer.reason or "too_unsure")
    return (chinese if has_han(answer.question) else english,), []


def _lists(answer: Answer, base: str) -> Iterator[str]:
    """The sources, or the sentences beside an abstention, as a numbered list in Markdown; what comes from a document is
    escaped, so that it is shown and not followed."""
    chinese = has_han(answer.question)
    if answer.citations:
        yield _list(
            "来源" if chinese else "Sources", [_source(citation, base, chinese) for citation in answer.citations]
        )
    if answer.nearest:
        near = [
            f"{_escaped(n.text)} · {_source(n.citation, base, chinese)} · {n.confidence:.0%}" for n in answer.nearest
        ]
        yield _list(POSSIBLY[chinese], near)


def _list(title: str, items: Sequence[str]) -> str:
    return f"\n\n**{title}**\n\n" + "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


def _source(citation: Citation, base: str, chinese: bool) -> str:
    places = [_place(citation, base)]
    shown = [_place(one, base) for one in citation.also_in[:ALSO_SHOWN]]
    if more := len(citation.also_in[ALSO_SHOWN:]):
        shown.append(f"及另外 {more} 篇" if chinese else f"and {more} more")
    if shown:
        places.append(f"{ALSO_IN[chinese]} " + ("；" if chinese else "; ").join(shown))
    return " · ".join(places)


def _place(citation: Citation | AlsoIn, base: str) -> str:
    link = f"[{_escaped(citation.title)}]({source_url(base, citation)})"
    parts = (link, _escaped(f"{citation.path} {citation.locator}"), citation.date)
    return " · ".join(part for part in parts if part)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(lambda match: "\\" + match.group(), " ".join(text.split()))


def _record(citation: Citation, base: str) -> dict[str, Any]:
    return {**_record_of(citation, base), "also_in": [_record_of(one, base) for one in citation.also_in]}


def _record_of(citation: Citation | AlsoIn, base: str) -> dict[str, Any]:
    return {
        "content": citation.quote,
        "title": citation.title,
        "url": source_url(base, citation),
        "filepath": citation.path,
        "document_id": citation.document_id,
        "date": citation.date,
        "start": citation.start,
        "end": citation.end,
        "locator": citation.locator,
    }
