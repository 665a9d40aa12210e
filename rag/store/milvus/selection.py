"""Which documents a filter leaves: asked of the rows of documents that every store in Milvus holds in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from rag.store.milvus.log import State, Stored
from rag.types import Filter
from rag.types.filters import meets


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    documents: Mapping[int, Stored]
    passages: int  # how many they have

    def passage_keys(self) -> frozenset[int]:
        return frozenset(key for one in self.documents.values() for key in one.keys("passage"))


def select(state: State, filters: Filter | None) -> Selection:
    """The documents of `state` that meet `filters`, in the order of its own."""
    if filters is None:
        return Selection(state.documents, state.passages)
    met, named = meets(filters), bool(filters.metadata)  # which is JSON, and read only where it is asked for
    left = {
        key: one
        for key, one in state.documents.items()
        if met(one.path, one.row["date"], one.metadata if named else {})
    }
    return Selection(left, sum(len(one.keys("passage")) for one in left.values()))
