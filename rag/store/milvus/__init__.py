"""A store in Milvus, for what one machine cannot hold or several servers ask; `rag.store.open_store` opens it."""

from rag.store.milvus.address import MilvusAddress, is_address, parse_address

__all__ = ["MilvusAddress", "is_address", "parse_address"]
