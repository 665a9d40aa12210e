"""Which passages a filter leaves: asked of the truth, as a set of keys that both searches are held to."""

import json
import sqlite3

import numpy as np

from rag.store.dense import Keys
from rag.types import Filter
from rag.types.filters import first_day, last_day

# A path matches a pattern as a whole, or as far as a folder or an archive that it lies in. Of GLOB's own signs "[" is
# taken for itself. A date is filled up to its first and to its last day, so that periods compare as texts.
_PATHS = """EXISTS (SELECT 1 FROM json_each(?) WHERE documents.path GLOB value OR documents.path GLOB value || '/*')"""
_SINCE = """date || substr('0000-12-31', length(date) + 1) >= ?"""
_UNTIL = """date || substr('0000-01-01', length(date) + 1) <= ?"""
_METADATA = """EXISTS (SELECT 1 FROM metadata WHERE metadata.document = documents.id AND name = ?
                        AND value IN (SELECT value FROM json_each(?)))"""


def matching(db: sqlite3.Connection, filters: Filter) -> Keys:
    """The keys of all passages of documents that meet `filters`, int64 [n], in order."""
    conditions: list[str] = []
    given: list[str] = []
    if filters.paths:
        conditions.append(_PATHS)
        given.append(json.dumps([pattern.replace("[", "[[]") for pattern in filters.paths]))
    if filters.since is not None:
        conditions.append(_SINCE)
        given.append(first_day(filters.since))
    if filters.until is not None:
        conditions.append(_UNTIL)
        given.append(last_day(filters.until))
    for name, values in filters.metadata:
        conditions.append(_METADATA)
        given += [name, json.dumps(values)]
    # CROSS, and put in order here: else SQLite reads all passages, each with its vector, and looks up its document.
    found = db.execute(
        f"""SELECT passages.key FROM documents CROSS JOIN passages ON passages.document = documents.id
            WHERE {" AND ".join(conditions) or "1"}""",
        given,
    )
    return np.sort(np.fromiter((row[0] for row in found), dtype=np.int64))
