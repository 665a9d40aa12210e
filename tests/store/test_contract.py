from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.store import open_store
from rag.types import Store

from .contract import StoreContract
from .reference import ReferenceStore
from .samples import FINGERPRINT


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
            yield store


class TestMilvusLite(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        pytest.importorskip("milvus_lite", reason="the extra rag[milvus] is not installed")
        with open_store(f"milvus://{tmp_path}/store.db", FINGERPRINT, write=True) as store:
            yield store


class TestReferenceStore(StoreContract):
    """The oracle keeps the contract it is used to check."""

    @pytest.fixture
    def store(self) -> Store:
        return ReferenceStore(FINGERPRINT)
