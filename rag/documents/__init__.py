"""File -> Document -> passages and sentences."""

from rag.documents.build import Reading, content_sha256, holds, read_documents, text_document
from rag.documents.readers import Cited, Drawn, Limits, one_line
from rag.documents.reading import DocumentReader
from rag.documents.split import passage_id, passage_text, split_document

__all__ = [
    "Cited",
    "DocumentReader",
    "Drawn",
    "Limits",
    "Reading",
    "content_sha256",
    "holds",
    "one_line",
    "passage_id",
    "passage_text",
    "read_documents",
    "split_document",
    "text_document",
]
