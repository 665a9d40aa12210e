"""Where documents, passages and vectors are kept: SQLite as the truth, FAISS and Tantivy derived from it."""

from rag.store.local import LocalStore, open_store

__all__ = ["LocalStore", "open_store"]
