"""What passes between the rooms of an ingest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rag.documents import Reading
from rag.errors import RagError

Stage = Literal["read", "split", "embed", "index"]
"""What is done with a file, in this order. The unit of each: files, documents of one, its texts, passages of all."""

Progress = Callable[[Stage, str, int, int], None]
"""Called with (stage, the file that is worked on or "", done so far, of how many)."""

Passed = Literal["hidden", "link", "own", "questions"]
"""Why a file was passed over: its name or a folder's begins with a dot, the folder is a link to another, it is part of
the store, it is a Q&A set."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that an ingest looks at."""

    name: str  # as it is cited
    file: Path
    number: int  # how many were looked at before it,
    of: int  # of so many
    held: str | None  # sha256 of what is stored of it; None where nothing is, or where it is to be stored anew


Outcome = Reading | RagError | None
"""What reading a file came to; None: it is what is stored already."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is to be stored."""

    name: str
    reading: Reading
    kind: Literal["added", "updated"]


@dataclass(slots=True)
class IngestReport:
    """What became of each file, by the path it is cited by. Nothing that was found is missing here."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, RagError]] = field(default_factory=list)  # also files within files
    passed: list[tuple[str, Passed]] = field(default_factory=list)  # meant to be left out; a folder ends with a slash
    passages: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.added or self.updated or self.removed)

    def took(self, change: Change) -> None:
        (self.updated if change.kind == "updated" else self.added).append(change.name)

    def counts(self) -> dict[str, int]:
        """How many files of each."""
        names = ("added", "updated", "unchanged", "removed", "failed", "passed")
        return {name: len(getattr(self, name)) for name in names}
