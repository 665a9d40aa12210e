"""Several processes on one store: a second writer, readers beside a writer, and a writer killed at any moment."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.errors import StoreLockedError
from rag.store import LocalStore, open_store

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import DIM, FINGERPRINT, make_file, unit_vectors

_COUNT = 60
_LAUNCH = (
    "import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; "
    "runpy.run_module(sys.argv[0], run_name='__main__')"
)


def _start_writer(folder: Path, count: int, pace: int) -> "subprocess.Popen[str]":
    module = f"{__package__}.writing"
    top = Path(__file__).parents[len(module.split(".")) - 1]
    return subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(top), module, str(folder), str(count), str(pace)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _expected(count: int) -> ReferenceStore:
    reference = ReferenceStore(FINGERPRINT)
    for i in range(count):
        replaced = i % 3 == 1 and i + 1 < count
        path = f"{i:04d}.txt"
        reference.add(path, make_file(path, seed=int(replaced), documents=1 + replaced))
    return reference


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    folder, acknowledged = tmp_path / "store", set()
    for _ in range(kills):
        with _start_writer(folder, 10_000, pace=chance.choice([1, 3, 50])) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 12)):
                acknowledged.add(writer.stdout.readline().strip())
            time.sleep(chance.random() * 0.03)  # about as long as an addition with its refresh takes
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(line.strip() for line in writer.stdout if line.endswith(".txt\n"))
        with open_store(folder, FINGERPRINT) as reader:
            _check(reader, acknowledged)
            assert all(fault.startswith("index: ") for fault in reader.verify())
        with open_store(folder, FINGERPRINT, write=True) as store:
            _check(store, acknowledged)
            assert list(store.verify()) == []
            acknowledged.update(store.sources())  # committed, though the word of it was cut off
    count = len(acknowledged) + 5
    with _start_writer(folder, count, pace=50) as writer:
        writer.communicate(timeout=60)
    assert writer.returncode == 0
    with open_store(folder, FINGERPRINT) as reader:
        assert_same_answers(reader, _expected(count))
        assert list(reader.verify()) == []


def _check(store: LocalStore, acknowledged: set[str]) -> None:
    """Everything acknowledged is there, and searchable; at most one change more had been committed."""
    assert acknowledged <= set(store.sources())
    assert len(store.sources()) <= len(acknowledged) + 1
    found = store.search_dense(unit_vectors(1, 1)[0], 100_000)
    assert len(found) == store.passage_count() == sum(document.passages for document in store.documents())


def test_a_second_writing_process_is_refused_at_once(tmp_path: Path) -> None:
    with _start_writer(tmp_path, 10_000, pace=50) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        begin = time.monotonic()
        with pytest.raises(StoreLockedError):
            open_store(tmp_path, FINGERPRINT, write=True)
        assert time.monotonic() - begin < 1
        writer.kill()
    open_store(tmp_path, FINGERPRINT, write=True).close()


def test_readers_beside_a_writer_answer_from_one_generation_each(tmp_path: Path) -> None:
    open_store(tmp_path, FINGERPRINT, write=True).close()
    readers = [open_store(tmp_path, FINGERPRINT) for _ in range(3)]
    seen: set[int] = set()
    with _start_writer(tmp_path, _COUNT, pace=5) as writer:
        while writer.poll() is None:
            for reader in readers:
                seen.add(_answer_consistently(reader))
        assert writer.returncode == 0
    for reader in readers:
        _answer_consistently(reader)
        assert_same_answers(reader, _expected(_COUNT))
        reader.close()
    assert len(seen) > 1  # they did move on while the writer wrote


def _answer_consistently(reader: LocalStore) -> int:
    """What the searches find is all there, and quotes its document; returns the generation that answered."""
    with reader.pinned():
        generation = reader.generation
        hits = reader.search_dense(unit_vectors(1, generation, DIM)[0], 20) + reader.search_words(["词1", "词2"], 20)
        ids = [passage_id for passage_id, _ in hits]
        passages = reader.passages(ids)
        assert [passage.id for passage in passages] == ids
        for passage, (sentences, vectors) in zip(passages, reader.sentences(ids), strict=True):
            document = reader.document(passage.document_id)
            assert document is not None
            assert len(sentences) == len(vectors) > 0
            assert all(document.text[sentence.end - 1] == "。" for sentence in sentences)
        assert reader.generation == generation
        return generation
