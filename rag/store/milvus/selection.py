"""Which documents a filter leaves: asked of the rows of documents that every store in Milvus holds in memory."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rag.store.milvus.log import State, Stored
from rag.types import Filter
from rag.types.filters import first_day, last_day

_SIGNS = {"*": ".*", "?": "."}


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
    meets = _condition(filters)
    left = {key: one for key, one in state.documents.items() if meets(one)}
    return Selection(left, sum(len(one.keys("passage")) for one in left.values()))


def _condition(filters: Filter) -> Callable[[Stored], bool]:
    # A path matches a pattern as a whole, or as far as a folder or an archive that it lies in.
    any_path = re.compile(f"(?:{'|'.join(map(_regex, filters.paths))})(?:/.*)?", re.DOTALL)
    since = first_day(filters.since) if filters.since else ""
    until = last_day(filters.until) if filters.until else ""

    def meets(stored: Stored) -> bool:
        date = stored.row["date"]
        if filters.paths and not any_path.fullmatch(stored.path):
            return False
        if (since or until) and not date:
            return False
        if (since and last_day(date) < since) or (until and first_day(date) > until):
            return False
        if not filters.metadata:
            return True
        metadata = stored.metadata
        return all(metadata.get(name) in values for name, values in filters.metadata)

    return meets


def _regex(pattern: str) -> str:
    return "".join(_SIGNS.get(character, re.escape(character)) for character in pattern)
