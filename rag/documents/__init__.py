"""File -> Document -> passages and sentences."""

from rag.documents.build import read_documents, text_document
from rag.documents.readers import suffixes
from rag.documents.split import passage_id, passage_text, split_document

__all__ = ["passage_id", "passage_text", "read_documents", "split_document", "suffixes", "text_document"]
