"""From one store to another: every document as it is stored there, each compared with the one it was made from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag.errors import CopyFaultError, StoreNotEmptyError
from rag.store.factory import AnyStore
from rag.types import IndexedDocument


@dataclass(frozen=True, slots=True)
class Copied:
    """How many files were copied, and how many were there already; passages of both, all compared."""

    copied: int
    there: int
    passages: int


def copy_store(source: AnyStore, target: AnyStore, report: Callable[[int, int], None] = lambda *_: None) -> Copied:
    """Make `target`, opened for writing, hold what `source` does. Started again after a kill, it goes on.

    A file is one change of `target`: it is there whole or not at all. Raises StoreNotEmptyError where `target` holds
    what `source` does not, CopyFaultError where what was written reads otherwise, StoreError.
    """
    with source.pinned():
        paths = list(source.sources())
        for other in target.sources():
            if other not in source.sources():
                raise StoreNotEmptyError(path=target.path, document=other, source=source.path)
        copied = there = passages = 0
        for done, path in enumerate(paths, 1):
            wanted = source.stored(path)
            passages += sum(len(one.passages) for one in wanted)
            if not any(differences(wanted, target.stored(path))):
                there += 1
            else:
                target.add(path, wanted)
                copied += 1
                for what in differences(wanted, target.stored(path)):
                    raise CopyFaultError(path=target.path, document=path, what=what)
            report(done, len(paths))
    target.refresh()
    return Copied(copied, there, passages)


def differences(wanted: Sequence[IndexedDocument], found: Sequence[IndexedDocument]) -> Iterator[str]:
    """What tells the documents of one path in two stores apart: the text, a passage, a sentence, a vector, a word."""
    if [one.document for one in wanted] != [one.document for one in found]:
        yield "its text or what is known of it"
        return
    for mine, theirs in zip(wanted, found, strict=True):
        if len(mine.passages) != len(theirs.passages):
            yield f"{len(theirs.passages)} passages, not {len(mine.passages)}"
            return
        for i, (passage, other) in enumerate(zip(mine.passages, theirs.passages, strict=True)):
            if passage != other or mine.words[i] != theirs.words[i]:
                yield f"passage {passage.id}"
            elif not np.array_equal(mine.vectors[i], theirs.vectors[i]):
                yield f"the vector of passage {passage.id}"
        if mine.sentences != theirs.sentences or not np.array_equal(mine.sentence_vectors, theirs.sentence_vectors):
            yield "a sentence or its vector"
        if mine.embedded != theirs.embedded:
            yield "what was embedded"
