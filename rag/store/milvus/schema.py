"""The collections of a store in Milvus, field by field. Rows are written once and never changed.

    NAME_log            what became visible when: one row a change; who is writing
    NAME_documents      what is known of a document, and which rows of the others are its own
    NAME_texts          texts and lists longer than a field holds, in parts
    NAME_passages_SET   passages with their vectors and index words; a new set for each rebuild (another dimension)
    NAME_sentences      sentences with their vectors
    NAME_kept           vectors put by during an ingest

Every key is EPOCH << 32 | NUMBER: an epoch is one writer's, so no two writers ever make the same key, and a key once
used means the same for ever.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

    from rag.store.milvus.connection import Connection

VERSION = 1
"""Raised where the collections change their meaning; a store of another version is refused."""

FIELD_BYTES = 65_535  # the most that Milvus takes in a VARCHAR
NUMBERS = 1 << 32  # keys in an epoch

_INT, _TEXT = "INT64", "VARCHAR"

LOG = {
    "key": _INT,
    "kind": _TEXT,  # create, change, rebuild, refresh; claim, release; run, ended
    "epoch": _INT,
    "base": _INT,  # the generation that the epoch began at
    "generation": _INT,  # of a run: its number, below zero
    "path": _TEXT,  # of a change: all that it held is replaced by the documents of this row's key
    "removed": _INT,  # how many documents that were; of a run: how many rows follow that go on with its detail
    "time": _INT,  # milliseconds since 1970, by the writer's clock
    "detail": _TEXT,  # JSON
}
DOCUMENTS = {
    "key": _INT,
    "commit": _INT,  # key of the log's row that makes it visible; without that row it is not there
    "generation": _INT,  # of that row
    "id": _TEXT,
    "path": _TEXT,
    "place": _INT,  # order within the file
    "title": _TEXT,
    "date": _TEXT,
    "sha256": _TEXT,
    "characters": _INT,
    "text_sha256": _TEXT,
    "unit": _TEXT,
    "metadata": _TEXT,  # JSON
    "first_text": _INT,
    "texts": _INT,
    "first_passage": _INT,
    "passages": _INT,
    "first_sentence": _INT,
    "sentences": _INT,
    "next_key": _INT,  # from its own key until before this one, all keys in `texts`, `passages` and `sentences` are its
}
TEXTS = {
    "key": _INT,
    "document": _INT,
    "field": _TEXT,  # text, sections, places: of the document; words: of a passage
    "text": _TEXT,
}
PASSAGES = {
    "key": _INT,
    "document": _INT,
    "id": _TEXT,
    "ordinal": _INT,
    "start": _INT,
    "end": _INT,
    "context": _TEXT,
    "words": _TEXT,  # joined by blanks; "" where they are in `texts`
    "first_text": _INT,
    "texts": _INT,
    "first_sentence": _INT,
    "sentences": _INT,
    "embedded": _INT,  # the first eight bytes of `digest`, to look it up by
    "digest": _TEXT,  # of the text that was embedded; "" where not known
}
SENTENCES = {
    "key": _INT,
    "document": _INT,
    "start": _INT,
    "end": _INT,
    "embedded": _INT,
    "digest": _TEXT,
    "vector": _TEXT,  # float16 [dim], little endian, base64: 2.3 has no vectors of half precision
}
KEPT = {
    "key": _INT,  # the first eight bytes of `digest`
    "digest": _TEXT,
    "vector": _TEXT,  # float32 [dim], little endian, base64
}
COLLECTIONS = {"log": LOG, "documents": DOCUMENTS, "texts": TEXTS, "sentences": SENTENCES, "kept": KEPT}

VECTOR = "vector"
UNUSED = "unused"  # Milvus wants a vector in every collection; those that need none carry two zeros
_UNUSED_DIM = 2

_PARAMETERS = {"FLAT": {}, "HNSW": {"M": 32, "efConstruction": 360}, "IVF_FLAT": {"nlist": 1024}}


def create_collection(connection: "Connection", name: str, fields: dict[str, str], dim: int = 0) -> None:
    """Make it where it is not there, loaded. `dim`: of its vectors; 0 for a collection that is not searched by them."""
    index = connection.client.prepare_index_params()
    kind = connection.address.index if dim else "FLAT"
    field = VECTOR if dim else UNUSED
    index.add_index(field, index_type=kind, metric_type="IP", params=_PARAMETERS[kind])
    schema = _schema(fields, dim)
    if not connection.call("has_collection", name):
        # Every write goes through one channel, so that a row is never seen before those written ahead of it.
        connection.call("create_collection", name, schema=schema, index_params=index, num_shards=1)
    connection.call("load_collection", name)


def _schema(fields: dict[str, str], dim: int) -> "CollectionSchema":
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for name, kind in fields.items():
        length = {"max_length": FIELD_BYTES} if kind == _TEXT else {}
        schema.add_field(name, DataType[kind], is_primary=name == "key", **length)
    schema.add_field(VECTOR if dim else UNUSED, DataType.FLOAT_VECTOR, dim=dim or _UNUSED_DIM)
    return schema
