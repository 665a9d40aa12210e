"""Where documents, passages and vectors are kept: SQLite as the truth, FAISS and Tantivy derived from it; or Milvus."""

from rag.store.factory import AnyStore, open_store
from rag.store.local import LocalStore

__all__ = ["AnyStore", "LocalStore", "open_store"]
