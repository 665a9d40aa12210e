"""What all tests share: no network but loopback, the seeds, the development data, a fake embedder, the real model."""

import hashlib
import itertools
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.settings import Settings
from rag.types import Embedder, Vectors

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline is a promise: a connection to anything but this machine fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.exists():
        pytest.skip(f"the development data is not at {DATA}")
    return DATA


class FakeEmbedder:
    """Deterministic for each text: a bag of hashed character pairs. Near texts are near, and that is all it knows."""

    name = "fake-1"
    dim = 64
    max_tokens = 512

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) + 2 for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for pair in itertools.pairwise(text):
                row[hashlib.sha256("".join(pair).encode()).digest()[0] % self.dim] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    embed_questions = embed_passages

    def across(self, questions: Vectors) -> Vectors:
        return questions


@pytest.fixture
def fake_embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """As a user has them, with a store of the tests' own."""
    return Settings(store=tmp_path_factory.mktemp("session") / "vectorstore")


@pytest.fixture(scope="session")
def embedder(settings: Settings) -> Iterator[Embedder]:
    """The real one; built on first use."""
    from rag.models import load_embedder

    return load_embedder(settings)
