"""What a store remembers of its ingests. A table of its own, made by the first that writes one: it is no part of the
truth, and stores made before it are as good as those made since."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime

from rag.types import Ending, Failure, Run

_KEPT = 1000  # the newest; a folder that is watched makes a run of every change

_TABLE = """CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, began TEXT NOT NULL, asked TEXT NOT NULL,  -- asked: a JSON list
    ending TEXT, seconds REAL, counts TEXT NOT NULL, passages INTEGER NOT NULL,          -- ending: NULL until it ends
    failed TEXT NOT NULL) STRICT"""


def begin(db: sqlite3.Connection, asked: Sequence[str]) -> int:
    """Within the writer's transaction. A run before it that has not ended never will: there is one writer."""
    db.execute(_TABLE)
    db.execute("UPDATE runs SET ending = 'killed' WHERE ending IS NULL")
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    values = (began, json.dumps(list(asked), ensure_ascii=True), "{}", 0, "[]")  # a path need not be valid text
    row = "INSERT INTO runs (began, asked, counts, passages, failed) VALUES (?, ?, ?, ?, ?)"
    number = db.execute(row, values).lastrowid
    assert number is not None
    db.execute("DELETE FROM runs WHERE number <= ?", (number - _KEPT,))
    return number


def end(
    db: sqlite3.Connection,
    number: int,
    ending: Ending,
    counts: Mapping[str, int],
    passages: int,
    failed: Sequence[Failure],
) -> None:
    ((began,),) = db.execute("SELECT began FROM runs WHERE number = ?", (number,))
    seconds = (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds()
    db.execute(
        "UPDATE runs SET ending = ?, seconds = ?, counts = ?, passages = ?, failed = ? WHERE number = ?",
        (ending, seconds, json.dumps(dict(counts)), passages, json.dumps(list(map(astuple, failed))), number),
    )


def runs(db: sqlite3.Connection) -> list[Run]:
    """The newest first; none where no ingest has written one."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'runs'").fetchone():
        return []
    columns = "number, began, asked, ending, seconds, counts, passages, failed"
    return [
        Run(number, began, tuple(json.loads(asked)), ending, seconds, json.loads(counts), passages, _failures(failed))
        for number, began, asked, ending, seconds, counts, passages, failed in db.execute(
            f"SELECT {columns} FROM runs ORDER BY number DESC"
        )
    ]


def _failures(told: str) -> tuple[Failure, ...]:
    return tuple(Failure(*one) for one in json.loads(told))
