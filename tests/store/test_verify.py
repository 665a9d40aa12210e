"""Each kind of damage gives a line that names it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.store import LocalStore, files, open_store
from rag.store.database import connect_writer

from .samples import DIM, FINGERPRINT, make_file

_OTHER = np.ones(DIM, dtype="<f4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
        for path in ("a.txt", "b.txt"):
            store.add(path, make_file(path, documents=2))
        store.refresh()
    return tmp_path / "store"


def _faults_after(folder: Path, *statements: tuple[str, tuple[object, ...]]) -> list[str]:
    db = connect_writer(folder)
    db.execute("PRAGMA foreign_keys=OFF")
    for statement, values in statements:
        db.execute(statement, values)
    db.close()
    with open_store(folder, None) as store:
        return list(store.verify())


def test_a_sound_store_has_no_faults(folder: Path) -> None:
    assert _faults_after(folder) == []


@pytest.mark.parametrize(
    ("statement", "values", "expected"),
    [
        ("UPDATE documents SET text = replace(text, '。', '！')", (), "document a.txt#0: its text is not the one"),
        ("UPDATE documents SET text = '短' WHERE id = 'b.txt#1'", (), "document b.txt#1: passage"),
        ("DELETE FROM documents WHERE id = 'a.txt#0'", (), "of passages belongs to no row of documents"),
        ("UPDATE passages SET ordinal = 7 WHERE ordinal = 1", (), "not numbered 0, 1, 2"),
        ("UPDATE passages SET vector = ? WHERE key = 1", (_OTHER.tobytes(),), "passage a.txt#0:0 has length 4"),
        ("UPDATE passages SET vector = x'00' WHERE id = 'a.txt#0:0'", (), "passages: a vector is not 16 numbers long"),
        ("UPDATE sentences SET vector = x'00' WHERE key = 1", (), "sentences: a vector is not 16 numbers long"),
        ("UPDATE sentences SET start = 0 WHERE key = 1", (), "lies outside its passage a.txt#0:0"),
        ("UPDATE passages SET start = 0, \"end\" = 9 WHERE id = 'a.txt#0:2'", (), "lies in "),
        ("UPDATE settings SET value = '99' WHERE name = 'generation'", (), "of generation 2, the documents are at 99"),
        ("UPDATE settings SET value = 'x' WHERE name = 'identity'", (), "index: unreadable or of another store"),
        ("UPDATE passages SET key = key + 100", (), "index: does not hold the passages"),
        ("UPDATE passages SET words = words || ' 词1 词1'", (), "index: "),
        ("UPDATE passages SET vector = ?", (np.eye(1, DIM, dtype="<f4").tobytes(),), "misses neighbours"),
    ],
)  # fmt: skip
def test_damage_is_named(folder: Path, statement: str, values: tuple[object, ...], expected: str) -> None:
    assert expected in "\n".join(_faults_after(folder, (statement, values)))


def test_a_sentence_vector_of_another_length_is_named(folder: Path) -> None:
    long = _OTHER.astype("<f2").tobytes()
    (fault,) = _faults_after(folder, ("UPDATE sentences SET vector = ? WHERE key = 1", (long,)))
    assert fault == "document a.txt#0: the vector of sentence 1 has length 4.0000, not 1"


@pytest.fixture
def writer(folder: Path) -> Iterator[LocalStore]:
    with open_store(folder, FINGERPRINT, write=True) as store:
        yield store


def test_an_index_that_waits_for_refresh_is_named(writer: LocalStore) -> None:
    writer.add("c.txt", make_file("c.txt"))
    (fault,) = writer.verify()
    assert "of generation 2, the documents are at 3" in fault
    writer.refresh()
    assert list(writer.verify()) == []


def test_damaged_index_files_are_named(folder: Path) -> None:
    (vectors,) = folder.glob("index-*/" + files.VECTORS)
    vectors.write_bytes(vectors.read_bytes()[:-1])
    (fault,) = _faults_after(folder)
    assert fault.startswith("index: its files are damaged")
