"""Passages as a store in Milvus reads them. A row never changes, so those read lately are kept at hand."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag.errors import StoreGoneError
from rag.store.milvus import rows
from rag.store.milvus.connection import Connection, Level, Row
from rag.store.milvus.log import State
from rag.types import Passage, Vectors

_AT_HAND = 20_000  # some 50 MB
_IDS = 500  # looked for in one call
_FIELDS = ("key", "document", "id", "ordinal", "start", "end", "context", "first_sentence", "sentences")
_DIGEST = "digest"
_WORDS = ("words", "first_text", "texts")
_BATCH = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    key: int
    document: int
    passage: Passage
    sentences: range  # their keys
    vector: Vectors
    digest: str
    words: str = ""  # read only where asked for


class Passages:
    """Not safe to share between threads: the store holds its lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._at_hand: OrderedDict[int, Found] = OrderedDict()
        self._keys: dict[str, int] = {}  # of those at hand, by id

    def name(self, state: State) -> str:
        return f"{self._connection.address.name}_passages_{state.set}"

    def by_key(self, state: State, keys: Sequence[int], level: Level, *, words: bool = False) -> list[Found]:
        """In the order asked for. Raises StoreGoneError where one is gone: removed longer ago than readers are waited
        for."""
        found = {key: self._at_hand[key] for key in keys if key in self._at_hand and not words}
        missing = [key for key in keys if key not in found]
        for start in range(0, len(missing), _BATCH):  # a part at a time: the words of all at once would be large
            fields = [*_FIELDS, _DIGEST, "vector", *(_WORDS if words else ())]
            part = missing[start : start + _BATCH]
            read = list(self._connection.by_keys(self.name(state), part, fields, level).values())
            found.update((one.key, one) for one in self._taken(state, read, words))
        if len(found) < len(set(keys)):
            raise StoreGoneError(path=self._connection.address, what_en="a document", what_zh="有文档")
        return [found[key] for key in keys]

    def by_id(self, state: State, passage_ids: Sequence[str], level: Level) -> dict[str, Found]:
        """Those of `passage_ids` that there are."""
        found: dict[str, Found] = {}
        for one in passage_ids:
            held = self._at_hand.get(self._keys.get(one, -1))
            if held is not None and held.document in state.documents:
                found[one] = held
        missing = [one for one in dict.fromkeys(passage_ids) if one not in found]
        for start in range(0, len(missing), _IDS):
            condition = f"id in {json.dumps(missing[start : start + _IDS], ensure_ascii=False)}"
            fields = [*_FIELDS, _DIGEST, "vector"]
            read = self._connection.query(self.name(state), condition, fields, level)
            if level == "Bounded" and len(read) < len(missing[start : start + _IDS]):
                read = self._connection.query(self.name(state), condition, fields, "Strong")
            alive = [row for row in read if row["document"] in state.documents]
            found.update((one.passage.id, one) for one in self._taken(state, alive, words=False))
        return found

    def words(self, state: State, keys: Sequence[int]) -> Iterator[tuple[int, str]]:
        """(key, index words joined by blanks) of passages."""
        texts = f"{self._connection.address.name}_texts"
        for start in range(0, len(keys), _BATCH):
            part = keys[start : start + _BATCH]
            read = self._connection.by_keys(self.name(state), part, ["key", *_WORDS], "Strong")
            if len(read) < len(part):
                raise StoreGoneError(path=self._connection.address, what_en="a document", what_zh="有文档")
            yield from rows.words_of(self._connection, texts, [read[key] for key in part])

    def _taken(self, state: State, read: Sequence[Row], words: bool) -> Iterator[Found]:
        texts = f"{self._connection.address.name}_texts"
        of_words = dict(rows.words_of(self._connection, texts, read)) if words else {}
        for row in read:
            document = state.documents[row["document"]]
            sentences = range(row["first_sentence"], row["first_sentence"] + row["sentences"])
            vector = np.array(row["vector"], dtype=np.float32)
            passage = rows.passage_of(row, document.id)
            key, text = row["key"], of_words.get(row["key"], "")
            one = Found(key, document.key, passage, sentences, vector, row[_DIGEST], text)
            self._at_hand[key], self._keys[passage.id] = one, key
            yield one
        while len(self._at_hand) > _AT_HAND:
            _, dropped = self._at_hand.popitem(last=False)
            if self._keys.get(dropped.passage.id) == dropped.key:
                del self._keys[dropped.passage.id]
