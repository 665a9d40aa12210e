"""What a start makes good, and how it listens."""

import socket
from pathlib import Path

import pytest

from rag.assistant import fingerprint_of
from rag.errors import StoreMismatchError
from rag.ingest import index_document
from rag.server.app import make_app
from rag.server.listen import bind
from rag.server.settings import ServerSettings
from rag.store import LocalStore, open_store
from rag.types import Document, Embedder, Fingerprint


def add(store: LocalStore, embedder: Embedder, name: str) -> None:
    text = f"{name} 的内容。"
    document = Document(name, name, name, None, text, (), ((0, 1),), "0" * 64)
    store.add(name, [index_document(document, embedder)])


def faults(folder: Path) -> list[str]:
    with open_store(folder, None) as store:
        return list(store.verify())


@pytest.fixture
def behind(tmp_path: Path, fake_embedder: Embedder) -> ServerSettings:
    """A store as an ingest leaves it that is killed between a file's commit and the index."""
    settings = ServerSettings(store=tmp_path / "vectorstore")
    with open_store(settings.store, fingerprint_of(fake_embedder), write=True) as store:
        add(store, fake_embedder, "a.txt")
        store.refresh()
        add(store, fake_embedder, "b.txt")
    return settings


def test_a_start_brings_the_index_up_to_the_documents(behind: ServerSettings, fake_embedder: Embedder) -> None:
    assert faults(behind.store)
    make_app(behind, fake_embedder, None)
    assert faults(behind.store) == []


def test_a_store_that_another_process_writes_is_read_as_it_is(behind: ServerSettings, fake_embedder: Embedder) -> None:
    with open_store(behind.store, fingerprint_of(fake_embedder), write=True) as store:
        add(store, fake_embedder, "c.txt")
        make_app(behind, fake_embedder, None)


def test_a_store_of_another_embedder_is_refused(behind: ServerSettings, fake_embedder: Embedder) -> None:
    open_store(behind.store, Fingerprint("another", 64, "1"), write=True, rebuild=True).close()
    with pytest.raises(StoreMismatchError):
        make_app(behind, fake_embedder, None)


def test_an_answers_second_packet_does_not_wait_for_the_client() -> None:
    with bind(ServerSettings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
