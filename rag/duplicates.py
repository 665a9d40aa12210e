"""Stored documents -> groups of reprints, for `rag docs duplicates`: what is kept twice is named, never dropped."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rag.text import shingles
from rag.types import DocumentSummary, Store

ALIKE = 0.4
"""Share of their shingles that two documents have in common, from which they are listed: Chinese with 20 % of its
characters changed keeps 0.47. Reports that two papers wrote from one agency's text have 0.4 to 0.6, too; the share is
shown, and tells them from a reprint."""

_KEPT = 512  # documents whose shingles are at hand


@dataclass(frozen=True, slots=True)
class Copy:
    """A document of a group, and how much it has in common with the one of the group that is nearest to it."""

    document: DocumentSummary
    similarity: float  # Jaccard's index of their shingles, 0..1


def near_duplicates(store: Store) -> list[tuple[Copy, ...]]:
    """The groups, each by path; a document is in one at most."""
    with store.pinned():
        documents = {one.id: one for one in store.documents()}
        pairs = list(_pairs(store, documents))
    nearest: dict[str, float] = {}
    group: dict[str, list[str]] = {}  # id -> the ids of its group, one list for all of them
    for one, other, share in pairs:
        nearest[one], nearest[other] = max(share, nearest.get(one, 0.0)), max(share, nearest.get(other, 0.0))
        mine, theirs = group.setdefault(one, [one]), group.setdefault(other, [other])
        if mine is not theirs:
            mine += theirs
            group.update(dict.fromkeys(theirs, mine))
    places = {id_: place for place, id_ in enumerate(documents)}
    groups = {id(ids): sorted(ids, key=places.__getitem__) for ids in group.values()}
    return [
        tuple(Copy(documents[id_], round(nearest[id_], 4)) for id_ in ids)
        for ids in sorted(groups.values(), key=lambda ids: places[ids[0]])
    ]


def _pairs(store: Store, documents: dict[str, DocumentSummary]) -> Iterator[tuple[str, str, float]]:
    """Two documents each, and how much they have in common, where that is enough."""

    @lru_cache(maxsize=_KEPT)
    def pieces(document_id: str) -> frozenset[str]:
        document = store.document(document_id)
        return frozenset(shingles(document.text)) if document else frozenset()

    for one, other in sorted(store.copies()):
        short, long = sorted((documents[one].characters, documents[other].characters))
        if short < ALIKE * long:
            continue
        left, right = pieces(one), pieces(other)
        share = len(left & right) / len(left | right)
        if share >= ALIKE:
            yield one, other, share
