"""What all tests share: no network but loopback, the seeds, the development data, a fake embedder, the real model."""

import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import numpy as np
import pytest

from rag.settings import Settings
from rag.types import Embedder, Vectors

# Read where OpenMP is loaded (torch, FAISS, the reference engine), also by the programs that tests start. Its threads
# otherwise spin while they wait for each other, and on a busy machine they wait long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # ranx is asked for thirty questions: compiling it takes a minute

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


@pytest.fixture(scope="session")
def ingested(seeds: Path, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the seeds, made by the command as a user runs it; once for all processes that test side by side. To be
    copied, not to be changed. `embedder`: the model is there."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "seeds" / "vectorstore"
    with filelock.FileLock(shared / "seeds.lock"):
        if not folder.exists():
            environment = os.environ | {"RAG_STORE": str(folder), "HF_HUB_OFFLINE": "1"}
            command = [sys.executable, "-m", "rag", "ingest", "--quiet", str(seeds)]
            result = subprocess.run(command, env=environment, capture_output=True, text=True)
            if (result.returncode, result.stdout, result.stderr) != (0, "", ""):
                shutil.rmtree(folder, ignore_errors=True)
                pytest.fail(f"rag ingest: {result}")
    return folder


@pytest.fixture(scope="session")
def filled(settings: Settings, ingested: Path) -> Settings:
    """`settings`, the seeds in their store."""
    shutil.copytree(ingested, settings.store)
    return settings
