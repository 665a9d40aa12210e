"""What a store in Milvus remembers of its ingests: rows of its log that no generation is folded from.

A run's rows have its number, below zero, for a generation. That it began is one text in JSON, and how it ended another,
each in as many parts as fit a field, the last of them written last.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from rag.store.milvus.connection import Connection, Row
from rag.store.milvus.schema import FIELD_BYTES
from rag.types import Ending, Failure, Run

BEGUN, ENDED = "run", "ended"
KEPT = 1000  # the newest; a folder that is watched makes a run of every change
_FIELDS = ("key", "kind", "epoch", "generation", "removed", "time", "detail")


def begun(asked: Sequence[str]) -> str:
    """What is written of a run that begins; in ASCII, since a path need not be valid text."""
    return json.dumps(list(asked))


def ended(ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]) -> str:
    return json.dumps([ending, dict(counts), passages, [astuple(one) for one in failed]])


def parts(text: str) -> Iterator[dict[str, Any]]:
    """The fields of the rows that hold `text`, in the order that they are written in: "removed" counts down to 0."""
    pieces = [text[start : start + FIELD_BYTES] for start in range(0, len(text), FIELD_BYTES)]
    for left, piece in zip(reversed(range(len(pieces))), pieces, strict=True):
        yield {"removed": left, "detail": piece}


def read_rows(connection: Connection) -> list[Row]:
    return connection.query(f"{connection.address.name}_log", "generation < 0", _FIELDS, "Strong")


def newest(rows: Iterable[Row]) -> int:
    """The number of the last run; 0 where there was none."""
    return max((-row["generation"] for row in rows), default=0)


def runs(rows: Iterable[Row]) -> list[Run]:
    """The newest first, of the last thousand."""
    by_run: dict[tuple[int, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: -int(row["removed"])):
        by_run.setdefault((-row["generation"], row["epoch"]), []).append(row)
    # Of two writers that gave the same number, the later one is right: it had taken the other's place.
    whole = {number: ones for (number, _), ones in sorted(by_run.items(), key=lambda item: item[0])}
    last = max(whole, default=0)
    found = [_run(number, ones, number == last) for number, ones in sorted(whole.items(), reverse=True)]
    return [run for run in found if run is not None][:KEPT]


def _run(number: int, rows: Sequence[Row], last: bool) -> Run | None:
    asked, end = (_whole([row for row in rows if row["kind"] == kind]) for kind in (BEGUN, ENDED))
    if asked is None:
        return None
    paths, when = asked
    began = datetime.fromtimestamp(when / 1000, UTC).isoformat(timespec="milliseconds")
    if end is None:  # only the last can be at work
        return Run(number, began, tuple(paths), None if last else "killed", None, {}, 0, ())
    (ending, counts, passages, failed), then = end
    failures = tuple(Failure(*one) for one in failed)
    return Run(number, began, tuple(paths), ending, (then - when) / 1000, counts, passages, failures)


def _whole(rows: Sequence[Row]) -> tuple[Any, int] | None:
    """What was written in these parts, and when; None where the last part never came."""
    if not rows or rows[-1]["removed"]:
        return None
    return json.loads("".join(row["detail"] for row in rows)), int(rows[-1]["time"])
