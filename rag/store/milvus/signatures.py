"""Signatures of sentences (`rag.store.signatures` says what they are), made here from the texts when first asked for.

They are not kept in Milvus: it would scan all of them for each question, and those of another version would have to be
written anew. Here they take 40 bytes a sentence, and comparing all of them takes milliseconds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.store.milvus.connection import Row
from rag.store.milvus.log import State, Stored
from rag.store.signatures import BANDS, bands
from rag.types import Sentence

Read = Callable[[str, Sequence[int], Sequence[str]], dict[int, Row]]
"""(collection, keys, fields) -> key -> its row."""

_BATCH = 4096  # rows read at once, about
_Spans = NDArray[np.int64]
_Bands = NDArray[np.uint32]


class Signatures:
    """Of the documents of one generation after another. Not safe to share between threads: the store holds its lock."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._of: dict[int, tuple[_Spans, _Bands]] = {}  # document -> [n, 2], [n, BANDS]
        self._generation: State | None = None
        self._homes = np.zeros(0, np.int64)  # document of each sentence, in order of their keys
        self._spans, self._bands = np.zeros((0, 2), np.int64), np.zeros((0, BANDS), np.uint32)

    def alike(self, state: State, text: str) -> list[Sentence]:
        """See `rag.types.Store.alike`."""
        self._follow(state)
        (wanted,) = bands([text])
        found = np.flatnonzero((self._bands == np.array(wanted, np.uint32)).any(axis=1))
        places = [(state.documents[int(self._homes[i])], int(self._spans[i, 0]), int(self._spans[i, 1])) for i in found]
        places.sort(key=lambda at: (at[0].path, at[0].row["place"], at[1]))
        return [Sentence(stored.id, start, end) for stored, start, end in places]

    def copies(self, state: State) -> dict[tuple[str, str], int]:
        """See `rag.types.Store.copies`."""
        self._follow(state)
        pairs = {pair for band in self._bands.T for pair in self._neighbours(band)}
        ids = (sorted(state.documents[int(self._homes[i])].id for i in pair) for pair in pairs)
        return dict(Counter((one, other) for one, other in ids))

    def _neighbours(self, band: _Bands) -> Iterator[tuple[int, int]]:
        """Each two sentences that follow one another in a band and stand in two documents."""
        order = np.argsort(band, kind="stable")
        one, next_one = order[:-1], order[1:]
        joined = (band[one] == band[next_one]) & (self._homes[one] != self._homes[next_one])
        return zip(one[joined].tolist(), next_one[joined].tolist(), strict=True)

    def _follow(self, state: State) -> None:
        if self._generation is state:
            return
        self._of = {key: made for key, made in self._of.items() if key in state.documents}
        new = [stored for key, stored in state.documents.items() if key not in self._of]
        for part in _batches(new):
            self._sign(part)
        keys = sorted(self._of)
        if keys:
            self._homes = np.repeat(np.array(keys, np.int64), [len(self._of[key][0]) for key in keys])
            self._spans = np.concatenate([self._of[key][0] for key in keys])
            self._bands = np.concatenate([self._of[key][1] for key in keys])
        else:
            self._homes, self._spans, self._bands = self._homes[:0], self._spans[:0], self._bands[:0]
        self._generation = state

    def _sign(self, documents: Sequence[Stored]) -> None:
        texts = self._read("texts", [k for one in documents for k in one.keys("text")], ["key", "field", "text"])
        keys = [key for one in documents for key in one.keys("sentence")]
        rows = self._read("sentences", keys, ["key", "start", "end"])
        for one in documents:
            parts = (texts[key] for key in one.keys("text"))
            text = "".join(row["text"] for row in parts if row["field"] == "text")
            spans = [(rows[key]["start"], rows[key]["end"]) for key in one.keys("sentence")]
            made = bands([text[start:end] for start, end in spans])
            self._of[one.key] = (
                np.array(spans, np.int64).reshape(len(spans), 2),
                np.array(made, np.uint32).reshape(len(spans), BANDS),
            )


def _batches(documents: Iterable[Stored]) -> Iterator[list[Stored]]:
    part: list[Stored] = []
    size = 0
    for one in documents:
        part.append(one)
        size += len(one.keys("text")) + len(one.keys("sentence"))
        if size >= _BATCH:
            yield part
            part, size = [], 0
    if part:
        yield part
