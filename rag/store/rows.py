"""Between the values of `rag.types` and the rows of the database. Every SQL statement on documents stands here;
those on signatures stand in their own module."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np

from rag.store import signatures
from rag.types import Document, DocumentSummary, IndexedDocument, Passage, Section, Sentence, Vectors

_BATCH = 4096  # rows held in memory at once while an index is made
_PASSAGE_COLUMNS = 'id, document, ordinal, start, "end", context'

FLOAT32, FLOAT16 = np.dtype("<f4"), np.dtype("<f2")
"""Passages keep full precision. Sentences outnumber them ten to one and keep half: a cosine is off by at most 0.001
(2^-11 of rounding, and as much again for scaling back to unit length), far below what tells two sentences apart."""


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def delete_path(db: sqlite3.Connection, path: str) -> int:
    """Delete the documents of `path`, and of files within it, with all that hangs on them; returns how many."""
    if not path:  # within which every absolute path would lie
        return 0
    return db.execute(  # "0" is the character after "/"
        "DELETE FROM documents WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", (path,)
    ).rowcount


def insert_document(db: sqlite3.Connection, place: int, indexed: IndexedDocument) -> None:
    """Raises sqlite3.IntegrityError where the document's id, or a passage's, is stored already."""
    document = indexed.document
    sections = [[s.start, s.end, s.level, s.title] for s in document.sections]
    db.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(document.id, document.path, place, document.title, document.date, document.sha256),
            *(len(document.text), text_sha256(document.text), document.unit),
            *(json.dumps(sections, ensure_ascii=False), json.dumps(document.places), document.text),
        ),
    )
    db.executemany(
        "INSERT INTO metadata (document, name, value) VALUES (?, ?, ?)",
        ((document.id, name, value) for name, value in document.metadata.items()),
    )
    digests: list[bytes | None] = [digest(text) for text in indexed.embedded]
    digests = digests or [None] * (len(indexed.passages) + len(indexed.sentences))
    of_sentences = digests[len(indexed.passages) :]
    keys = []
    for passage, vector, words, embedded in zip(
        indexed.passages, indexed.vectors, indexed.words, digests[: len(indexed.passages)], strict=True
    ):
        keys.append(
            db.execute(
                f"INSERT INTO passages ({_PASSAGE_COLUMNS}, embedded, vector, words)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(passage.id, document.id, passage.ordinal, passage.start, passage.end, passage.context),
                    *(embedded, vector.astype(FLOAT32).tobytes(), " ".join(words)),
                ),
            ).lastrowid
        )
    homes = home_passages([(p.start, p.end) for p in indexed.passages], [(s.start, s.end) for s in indexed.sentences])
    db.executemany(
        'INSERT INTO sentences (passage, start, "end", embedded, vector) VALUES (?, ?, ?, ?, ?)',
        (
            (keys[home[0]], sentence.start, sentence.end, embedded, vector.astype(FLOAT16).tobytes())
            for home, sentence, embedded, vector in zip(
                homes, indexed.sentences, of_sentences, indexed.sentence_vectors, strict=True
            )
        ),
    )
    signatures.sign(db, document.id)
    db.executemany("DELETE FROM kept WHERE embedded = ?", ((one,) for one in digests if one is not None))


def digest(text: str | bytes) -> bytes:
    """Tells texts apart, in 16 bytes: a chance meeting among a billion texts has odds of 10^-21. Bytes are a digest
    already, as of another store's document."""
    return text if isinstance(text, bytes) else hashlib.blake2b(text.encode(), digest_size=16).digest()


def keep(db: sqlite3.Connection, texts: Sequence[str], vectors: Vectors) -> None:
    rows = ((digest(text), vector.astype(FLOAT32).tobytes()) for text, vector in zip(texts, vectors, strict=True))
    db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)


def forget(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM kept")


def kept(db: sqlite3.Connection, texts: Sequence[str], dim: int, *, exact: bool) -> dict[str, Vectors]:
    """In full precision where that is to be had; not `exact`, else a sentence's, which stored again is the same."""
    found: dict[str, Vectors] = {}
    for text in texts:
        for table in ("kept", "passages") if exact else ("kept", "passages", "sentences"):
            kind = FLOAT16 if table == "sentences" else FLOAT32
            query = f"SELECT vector FROM {table} WHERE embedded = ? LIMIT 1"
            if row := db.execute(query, (digest(text),)).fetchone():
                found[text] = vectors_of([row[0]], kind, dim)[0]
                break
    return found


def home_passages(passages: Sequence[tuple[int, int]], sentences: Sequence[tuple[int, int]]) -> list[list[int]]:
    """For each sentence [start, end) the indices of the passages it lies in; exactly one, where all is well."""
    starts = np.array([start for start, _ in passages], dtype=np.int64)
    ends = np.array([end for _, end in passages], dtype=np.int64)
    return [np.flatnonzero((starts <= start) & (end <= ends)).tolist() for start, end in sentences]


def indexed_documents(db: sqlite3.Connection, path: str, dim: int) -> list[IndexedDocument]:
    """What was added as documents of exactly `path`, in their order; texts that were embedded stand by their digest."""
    ids = db.execute("SELECT id FROM documents WHERE path = ? ORDER BY place", (path,)).fetchall()
    return [_indexed_document(db, document_id, dim) for (document_id,) in ids]


def _indexed_document(db: sqlite3.Connection, document_id: str, dim: int) -> IndexedDocument:
    whole = document(db, document_id)
    assert whole is not None
    of_passages = db.execute(
        f"SELECT {_PASSAGE_COLUMNS}, embedded, vector, words FROM passages WHERE document = ? ORDER BY ordinal",
        (document_id,),
    ).fetchall()
    of_sentences = db.execute(
        """SELECT sentences.start, sentences."end", sentences.embedded, sentences.vector
           FROM passages JOIN sentences ON passage = passages.key WHERE document = ?
           ORDER BY ordinal, sentences.start""",
        (document_id,),
    ).fetchall()
    digests = [row[-3] for row in of_passages] + [row[-2] for row in of_sentences]
    return IndexedDocument(
        document=whole,
        passages=tuple(Passage(*row[:-3]) for row in of_passages),
        sentences=tuple(Sentence(document_id, row[0], row[1]) for row in of_sentences),
        vectors=vectors_of([row[-2] for row in of_passages], FLOAT32, dim),
        sentence_vectors=vectors_of([row[-1] for row in of_sentences], FLOAT16, dim),
        words=tuple(tuple(row[-1].split(" ")) if row[-1] else () for row in of_passages),
        embedded=tuple(digests) if all(digests) else (),
    )


def sources(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT path, sha256 FROM documents GROUP BY path ORDER BY path"))


def summaries(db: sqlite3.Connection) -> list[DocumentSummary]:
    rows = db.execute(
        """SELECT id, path, title, date, characters, (SELECT count(*) FROM passages WHERE document = documents.id),
           sha256 FROM documents ORDER BY path, place"""
    )
    metadata = _metadata(db)
    return [
        DocumentSummary(id_, path, title, date, characters, passages, sha256, metadata.get(id_, {}))
        for id_, path, title, date, characters, passages, sha256 in rows
    ]


def _metadata(db: sqlite3.Connection, document_id: str | None = None) -> dict[str, dict[str, str]]:
    """document id -> its metadata, of all documents or of one; those without are left out."""
    found: dict[str, dict[str, str]] = {}
    which, given = ("", ()) if document_id is None else ("WHERE document = ?", (document_id,))
    for owner, name, value in db.execute(
        f"SELECT document, name, value FROM metadata {which} ORDER BY document, name", given
    ):
        found.setdefault(owner, {})[name] = value
    return found


def document(db: sqlite3.Connection, document_id: str) -> Document | None:
    row = db.execute(
        "SELECT id, path, title, date, text, sections, places, sha256, unit FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if row is None:
        return None
    id_, path, title, date, text, sections, places, sha256, unit = row
    return Document(
        id=id_,
        path=path,
        title=title,
        date=date,
        text=text,
        sections=tuple(Section(*section) for section in json.loads(sections)),
        places=tuple((offset, number) for offset, number in json.loads(places)),
        sha256=sha256,
        unit=unit,
        metadata=_metadata(db, id_).get(id_, {}),
    )


def passages(db: sqlite3.Connection, passage_ids: Sequence[str]) -> list[Passage]:
    rows = db.execute(
        f"SELECT {_PASSAGE_COLUMNS} FROM passages WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(passage_ids)),),
    )
    found = {row[0]: Passage(*row) for row in rows}
    return [found[passage_id] for passage_id in passage_ids if passage_id in found]


def sentences(db: sqlite3.Connection, passage_ids: Sequence[str], dim: int) -> list[tuple[list[Sentence], Vectors]]:
    rows = db.execute(
        """SELECT passages.id, document, sentences.start, sentences."end", sentences.vector
           FROM passages JOIN sentences ON passage = passages.key
           WHERE passages.id IN (SELECT value FROM json_each(?)) ORDER BY sentences.start""",
        (json.dumps(list(passage_ids)),),
    ).fetchall()
    places: dict[str, list[int]] = {passage_id: [] for passage_id in passage_ids}
    for place, row in enumerate(rows):
        places[row[0]].append(place)
    vectors = unit(vectors_of([row[-1] for row in rows], FLOAT16, dim))  # of all at once: arrays cost more than numbers
    return [([Sentence(*rows[place][1:4]) for place in places[i]], vectors[places[i]]) for i in passage_ids]


def vectors_of(blobs: Sequence[bytes], kind: "np.dtype[np.float16] | np.dtype[np.float32]", dim: int) -> Vectors:
    """float32 [len(blobs), dim]. Raises sqlite3.DatabaseError where a blob has another size: the truth is damaged."""
    if any(len(blob) != dim * kind.itemsize for blob in blobs):
        raise sqlite3.DatabaseError(f"a vector is not {dim} numbers long")
    return np.frombuffer(b"".join(blobs), dtype=kind).astype(np.float32).reshape(len(blobs), dim)


def unit(vectors: Vectors) -> Vectors:
    """Undo what rounding to float16 did to the length."""
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def passage_count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM passages").fetchone()[0])


def document_count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])


def last_key(db: sqlite3.Connection) -> int:
    """The greatest passage key; 0 for an empty store."""
    return int(db.execute("SELECT coalesce(max(key), 0) FROM passages").fetchone()[0])


def keys(db: sqlite3.Connection) -> np.ndarray:
    """The keys of all passages int64 [n], in order."""
    # Unordered, so that SQLite reads them from an index, not from the rows with their vectors: 0.3 s for a million.
    found = np.fromiter((row[0] for row in db.execute("SELECT key FROM passages")), dtype=np.int64)
    return np.sort(found)


def vectors_of_keys(db: sqlite3.Connection, wanted: np.ndarray, dim: int) -> Vectors:
    """The vectors float32 [n, dim] of the keys `wanted`."""
    found = np.empty((len(wanted), dim), dtype=np.float32)
    for first in range(0, len(wanted), _BATCH):
        part = wanted[first : first + _BATCH]
        found[first : first + len(part)] = vectors(db, part.tolist(), dim)[1]
    return found


def passage_ids(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, str]:
    return dict(
        db.execute(
            "SELECT key, id FROM passages WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
        )
    )


def vectors(db: sqlite3.Connection, keys: Sequence[int], dim: int) -> tuple[list[str], Vectors]:
    """Passage ids and their exact vectors float32 [n, dim], in the order of the keys stored."""
    rows = db.execute(
        "SELECT id, vector FROM passages WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
    ).fetchall()
    return [row[0] for row in rows], vectors_of([row[1] for row in rows], FLOAT32, dim)


def passage_vectors(db: sqlite3.Connection, passage_ids: Sequence[str], dim: int) -> Vectors:
    """float32 [len(passage_ids), dim] in the order asked for. Raises KeyError for an unknown id."""
    found = dict(
        db.execute(
            "SELECT id, vector FROM passages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(passage_ids)),),
        )
    )
    return vectors_of([found[passage_id] for passage_id in passage_ids], FLOAT32, dim)


def vector_batches(db: sqlite3.Connection, after: int, dim: int) -> Iterator[tuple[np.ndarray, Vectors]]:
    """Keys int64 [n] and vectors float32 [n, dim] of all passages with a key greater than `after`, in batches."""
    cursor = db.execute("SELECT key, vector FROM passages WHERE key > ? ORDER BY key", (after,))
    while rows := cursor.fetchmany(_BATCH):
        yield np.array([row[0] for row in rows], dtype=np.int64), vectors_of([row[1] for row in rows], FLOAT32, dim)


def words(db: sqlite3.Connection, after: int) -> Iterator[tuple[int, str]]:
    """(key, words joined by blanks) of all passages with a key greater than `after`."""
    return iter(db.execute("SELECT key, words FROM passages WHERE key > ? ORDER BY key", (after,)))
