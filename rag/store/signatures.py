"""Signatures of sentences: which others may say the same, without comparing them all.

MinHash over shingles (Broder, "On the resemblance and containment of documents", 1997): two sentences agree in a slot
as often as their shingles overlap. Slots are taken together in bands, and sentences that agree in any one band are
alike (Indyk and Motwani, "Approximate nearest neighbors", 1998): the same letters always, with 5 % of them changed 98
in a hundred, with 10 % 90; of unrelated ones hardly any. What is alike is only proposed; by the text it is decided
(`rag.text.says_same`).

Signatures are made as documents are stored, and can be made again from their texts: opening for writing makes those
that are missing or were made otherwise. Every SQL statement on them stands here.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from rag.text import shingles
from rag.types import Sentence

BANDS, ROWS = 8, 3
_SEED = 20261128  # any will do, always the same
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
_SETTING = "signatures"
_COLUMNS = tuple(f"b{band}" for band in range(BANDS))
_BATCH = 1000  # sentences signed at once


def scheme() -> str:
    """How signatures are made here; those made otherwise cannot be compared with them."""
    from rensa import RMinHash

    return f"1 rensa-{RMinHash.ALGORITHM_VERSION} {BANDS}x{ROWS}"


def bands(texts: Sequence[str]) -> list[list[int]]:
    """For each text its bands, 32 bits each."""
    from rensa import RMinHash

    if not texts:
        return []
    slots = RMinHash.digests_from_token_sets([shingles(text) for text in texts], BANDS * ROWS, _SEED)
    mixed = (np.array(slots, dtype=np.uint64).reshape(len(texts), BANDS, ROWS) * _MIX).sum(axis=2)
    found: list[list[int]] = (mixed >> np.uint64(32)).tolist()
    return found


def complete(db: sqlite3.Connection) -> None:
    """Make the table where there is none, and the signatures that are missing; within the caller's transaction."""
    if _scheme_of(db) != scheme():
        db.execute("DROP TABLE IF EXISTS signatures")
        slots = ", ".join(f"{name} INTEGER NOT NULL" for name in _COLUMNS)
        db.execute(
            "CREATE TABLE signatures (sentence INTEGER PRIMARY KEY REFERENCES sentences (key) ON DELETE CASCADE,"
            f" {slots}) STRICT"
        )
        for name in _COLUMNS:
            db.execute(f"CREATE INDEX signatures_{name} ON signatures ({name})")
        db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (_SETTING, scheme()))
    if missing(db):
        unsigned = db.execute(
            """SELECT DISTINCT document FROM sentences JOIN passages ON passages.key = passage
               WHERE sentences.key NOT IN (SELECT sentence FROM signatures)"""
        ).fetchall()
        for (document_id,) in unsigned:
            sign(db, document_id)


def missing(db: sqlite3.Connection) -> int:
    """How many sentences have no signature that can be compared."""
    total = int(db.execute("SELECT count(*) FROM sentences").fetchone()[0])
    if _scheme_of(db) != scheme():
        return total
    return total - int(db.execute("SELECT count(*) FROM signatures").fetchone()[0])


def sign(db: sqlite3.Connection, document_id: str) -> None:
    """Make the signatures of a stored document's sentences."""
    (text,) = db.execute("SELECT text FROM documents WHERE id = ?", (document_id,)).fetchone()
    spans = db.execute(
        """SELECT sentences.key, sentences.start, sentences."end" FROM passages JOIN sentences ON passage = passages.key
           WHERE document = ?""",
        (document_id,),
    ).fetchall()
    slots = ", ".join("?" * (1 + BANDS))
    for first in range(0, len(spans), _BATCH):
        part = spans[first : first + _BATCH]
        made = bands([text[start:end] for _, start, end in part])
        rows = ((key, *one) for (key, _, _), one in zip(part, made, strict=True))
        db.executemany(f"INSERT OR REPLACE INTO signatures VALUES ({slots})", rows)


def alike(db: sqlite3.Connection, text: str) -> list[Sentence]:
    """See `rag.types.Store.alike`. None from a store that was last written by a version that made no signatures."""
    if _scheme_of(db) != scheme():
        return []
    (wanted,) = bands([text])
    same = " OR ".join(f"{name} = ?" for name in _COLUMNS)
    rows = db.execute(
        f"""SELECT document, sentences.start, sentences."end" FROM signatures JOIN sentences ON sentences.key = sentence
            JOIN passages ON passages.key = passage JOIN documents ON documents.id = document
            WHERE {same} ORDER BY path, place, sentences.start""",
        wanted,
    )
    return [Sentence(*row) for row in rows]


def copies(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """See `rag.types.Store.copies`."""
    if _scheme_of(db) != scheme():
        return {}
    homes = dict(db.execute("SELECT sentences.key, document FROM sentences JOIN passages ON passages.key = passage"))
    pairs = {pair for name in _COLUMNS for pair in _neighbours(db, name, homes)}
    return dict(Counter((homes[one], homes[other]) for one, other in pairs))


def _neighbours(db: sqlite3.Connection, column: str, homes: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Each two sentences that follow one another in a band and stand in two documents."""
    before: tuple[int, int] | None = None  # key, band
    for key, band in db.execute(f"SELECT sentence, {column} FROM signatures ORDER BY {column}, sentence"):
        if before is not None and before[1] == band and homes[before[0]] != homes[key]:
            yield (before[0], key) if homes[before[0]] < homes[key] else (key, before[0])
        before = key, band


def _scheme_of(db: sqlite3.Connection) -> str | None:
    row = db.execute("SELECT value FROM settings WHERE name = ?", (_SETTING,)).fetchone()
    return str(row[0]) if row else None
