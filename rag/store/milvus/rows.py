"""Between the values of `rag.types` and the rows of Milvus."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rag.errors import StoreError
from rag.store.milvus.connection import Connection, Row
from rag.store.milvus.log import Stored
from rag.store.milvus.schema import FIELD_BYTES
from rag.store.rows import FLOAT16, FLOAT32, digest, home_passages, text_sha256
from rag.types import Document, IndexedDocument, Passage, Section, Vectors

_PART = FIELD_BYTES // 4  # characters that surely fit into a field


@dataclass(slots=True)
class Written:
    """The rows of some documents, by collection."""

    next_key: int
    documents: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    passages: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[dict[str, Any]] = field(default_factory=list)

    def take(self, count: int = 1) -> int:
        """The first of `count` keys in a row."""
        first = self.next_key
        self.next_key += count
        return first

    def add(self, place: int, indexed: IndexedDocument, commit: int, generation: int) -> None:
        """Raises StoreError where a name or the metadata is longer than Milvus takes."""
        document, key = indexed.document, self.take()
        digests: list[bytes | None] = [digest(text) for text in indexed.embedded]
        digests = digests or [None] * (len(indexed.passages) + len(indexed.sentences))
        first_text = self.next_key
        self._add_text(key, "text", document.text)
        self._add_text(key, "sections", json.dumps([_section(one) for one in document.sections], ensure_ascii=False))
        self._add_text(key, "places", json.dumps(document.places))
        texts = self.next_key - first_text
        row = {
            **{"key": key, "commit": commit, "generation": generation, "place": place},
            **{"id": document.id, "path": document.path, "title": document.title, "date": document.date or ""},
            **{"sha256": document.sha256, "characters": len(document.text), "unit": document.unit},
            "metadata": json.dumps(dict(sorted(document.metadata.items())), ensure_ascii=False),
            **{"text_sha256": text_sha256(document.text), "first_text": first_text, "texts": texts},
            **{"first_passage": self.take(len(indexed.passages)), "passages": len(indexed.passages)},
            **{"first_sentence": self.take(len(indexed.sentences)), "sentences": len(indexed.sentences)},
            "unused": [0.0, 0.0],
        }
        self.documents.append(row)
        of_passages, of_sentences = digests[: len(indexed.passages)], digests[len(indexed.passages) :]
        self._add_passages(row, indexed, of_passages, self._add_sentences(row, indexed, of_sentences))
        row["next_key"] = self.next_key
        for one in (row, *self.passages[len(self.passages) - len(indexed.passages) :]):
            for name, value in one.items():
                if isinstance(value, str) and len(value.encode()) > FIELD_BYTES:
                    detail = f"{document.path}: its {name} has more bytes than Milvus takes in a field ({FIELD_BYTES})."
                    raise StoreError(detail=detail)

    def _add_text(self, owner: int, name: str, text: str) -> None:
        for start in range(0, max(len(text), 1), _PART):
            part = text[start : start + _PART]
            row = {"key": self.take(), "document": owner, "field": name, "text": part, "unused": [0.0, 0.0]}
            self.texts.append(row)

    def _add_sentences(
        self, document: dict[str, Any], indexed: IndexedDocument, digests: Sequence[bytes | None]
    ) -> list[tuple[int, int]]:
        """For each passage the first key of its sentences and how many there are; they stand in a row, by offset."""
        spans = [(one.start, one.end) for one in indexed.sentences]
        homes = home_passages([(one.start, one.end) for one in indexed.passages], spans)
        order = sorted(range(len(spans)), key=lambda i: (homes[i][0], spans[i]))
        halves = indexed.sentence_vectors.astype(FLOAT16)
        for number, i in enumerate(order):
            self.sentences.append(
                {
                    **{"key": document["first_sentence"] + number, "document": document["key"]},
                    **{"start": spans[i][0], "end": spans[i][1], **_digest(digests[i])},
                    **{"vector": _packed(halves[i]), "unused": [0.0, 0.0]},
                }
            )
        counts = [sum(home[0] == ordinal for home in homes) for ordinal in range(len(indexed.passages))]
        return [(document["first_sentence"] + sum(counts[:i]), count) for i, count in enumerate(counts)]

    def _add_passages(
        self,
        document: dict[str, Any],
        indexed: IndexedDocument,
        digests: Sequence[bytes | None],
        sentences: list[tuple[int, int]],
    ) -> None:
        for i, passage in enumerate(indexed.passages):
            key, words = document["first_passage"] + i, " ".join(indexed.words[i])
            first_text = self.next_key
            if len(words.encode()) > FIELD_BYTES:
                self._add_text(key, "words", words)
                words = ""
            self.passages.append(
                {
                    **{"key": key, "document": document["key"], "id": passage.id, "ordinal": passage.ordinal},
                    **{"start": passage.start, "end": passage.end, "context": passage.context, "words": words},
                    **{"first_text": first_text, "texts": self.next_key - first_text},
                    **{"first_sentence": sentences[i][0], "sentences": sentences[i][1], **_digest(digests[i])},
                    "vector": indexed.vectors[i].tolist(),
                }
            )


def _section(section: Section) -> list[int | str]:
    return [section.start, section.end, section.level, section.title]


def _digest(full: bytes | None) -> dict[str, Any]:
    return {"embedded": short(full) if full else 0, "digest": full.hex() if full else ""}


def short(full: bytes) -> int:
    """The first eight bytes of a digest, as Milvus's whole numbers are."""
    return int.from_bytes(full[:8], "little", signed=True)


def _packed(vector: "np.ndarray[Any, Any]") -> str:
    return base64.b64encode(vector.tobytes()).decode()


def kept_row(text: str, vector: Vectors) -> dict[str, Any]:
    full = digest(text)
    packed = _packed(vector.astype(FLOAT32))
    return {"key": short(full), "digest": full.hex(), "vector": packed, "unused": [0.0, 0.0]}


def kept_vector(row: Row) -> Vectors:
    return np.frombuffer(base64.b64decode(row["vector"]), FLOAT32).astype(np.float32)


def half_vectors(rows: Sequence[Row], dim: int) -> Vectors:
    """float32 [n, dim], not scaled back to unit length. Raises ValueError where one has another size."""
    packed = b"".join(base64.b64decode(row["vector"]) for row in rows)
    return np.frombuffer(packed, FLOAT16).astype(np.float32).reshape(len(rows), dim)


def passage_of(row: Row, document_id: str) -> Passage:
    return Passage(row["id"], document_id, row["ordinal"], row["start"], row["end"], row["context"])


def document_of(stored: Stored, texts: Sequence[Row]) -> Document:
    """`texts`: those of the document, in order."""
    whole = {"text": "", "sections": "", "places": ""}
    for row in texts:
        whole[row["field"]] += row["text"]
    row = stored.row
    return Document(
        **{name: row[name] for name in ("id", "path", "title", "sha256", "unit")},
        date=row["date"] or None,
        metadata=stored.metadata,
        text=whole["text"],
        sections=tuple(Section(*one) for one in json.loads(whole["sections"])),
        places=tuple((offset, number) for offset, number in json.loads(whole["places"])),
    )


def words_of(connection: Connection, texts: str, rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """(key, index words joined by blanks) of passages; `texts`: the collection with those too long for a field."""
    long = [key for row in rows for key in _text_keys(row)]
    parts = connection.by_keys(texts, long, ["key", "text"], "Strong") if long else {}
    for row in rows:
        yield row["key"], "".join(parts[key]["text"] for key in _text_keys(row)) or row["words"]


def _text_keys(row: Row) -> range:
    return range(row["first_text"], row["first_text"] + row["texts"])
