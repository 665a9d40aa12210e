"""File -> Document -> passages and sentences."""

from rag.documents.build import (
    TEXT,
    Reading,
    content_sha256,
    holds,
    read_bytes,
    read_documents,
    text_as_document,
    text_document,
)
from rag.documents.readers import Cited, Drawn, Limits
from rag.documents.reading import DocumentReader
from rag.documents.split import passage_id, passage_text, split_document

__all__ = [
    "TEXT",
    "Cited",
    "DocumentReader",
    "Drawn",
    "Limits",
    "Reading",
    "content_sha256",
    "holds",
    "passage_id",
    "passage_text",
    "read_bytes",
    "read_documents",
    "split_document",
    "text_as_document",
    "text_document",
]
