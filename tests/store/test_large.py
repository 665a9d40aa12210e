"""A large store: sketches of vectors, changed by little and little. Here large begins at 100 passages."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rag.store.derived
import rag.store.growing
import rag.store.search
import rag.store.sketch
from rag.store import LocalStore, files, open_store
from rag.store.dense import DenseIndex
from rag.types import Filter, IndexedDocument, Vectors

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import DIM, FINGERPRINT, make_document, some_words, unit_vectors

FILES, PASSAGES = 24, 12


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGE", 100)
    monkeypatch.setattr(rag.store.sketch, "PROPOSED", 100)
    monkeypatch.setattr(rag.store.search, "_CANDIDATES", 12)
    monkeypatch.setattr(rag.store.growing, "ASIDE", 1 / 10)


def _near(centre: Vectors, seed: int) -> Vectors:
    """A vector of a topic."""
    moved = centre + 0.15 * np.random.default_rng(seed).standard_normal(DIM)
    return np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)


def _document(number: int, seed: int = 0) -> IndexedDocument:
    one = make_document(f"{number}.txt", seed=seed, passages=PASSAGES)
    topics = unit_vectors(30, 1)
    vectors = np.stack([_near(topics[(number + i) % 30], 1000 * seed + PASSAGES * number + i) for i in range(PASSAGES)])
    return replace(one, vectors=vectors)


def _both(folder: Path, reference: ReferenceStore) -> LocalStore:
    store = open_store(folder, FINGERPRINT, write=True)
    for number in range(FILES):
        for one in (store, reference):
            one.add(f"{number}.txt", [_document(number)])
    store.refresh()
    return store


@pytest.fixture
def reference() -> ReferenceStore:
    return ReferenceStore(FINGERPRINT)


@pytest.fixture
def folder(tmp_path: Path, reference: ReferenceStore) -> Path:
    _both(tmp_path / "store", reference).close()
    return tmp_path / "store"


def _recall(store: LocalStore, reference: ReferenceStore, k: int = 5) -> float:
    found = []
    for seed in range(25):
        question = _near(unit_vectors(30, 1)[seed % 30], 10**6 + seed)
        exact = {passage_id for passage_id, _ in reference.search_dense(question, k)}
        found.append(len(exact & {passage_id for passage_id, _ in store.search_dense(question, k)}) / len(exact))
    return float(np.mean(found))


def _file(folder: Path) -> int:
    """Tells the file of the sketches from every other, links to it aside."""
    (file,) = folder.glob(f"index-*/{files.SKETCHES}")
    return file.stat().st_ino


def _sketched(store: LocalStore) -> int:
    assert store._indexes is not None
    return len(store._indexes.dense.vectors)  # type: ignore[union-attr]


def test_the_nearest_are_found_and_their_cosines_are_exact(folder: Path, reference: ReferenceStore) -> None:
    with open_store(folder, FINGERPRINT) as store:
        assert _recall(store, reference) >= 0.99
        assert _sketched(store) == FILES * PASSAGES
        question = _near(unit_vectors(30, 1)[3], 5)
        exact = dict(reference.search_dense(question, 10**6))
        for passage_id, score in store.search_dense(question, 30):
            assert score == pytest.approx(exact[passage_id], abs=2e-6)
        assert list(store.verify()) == []


def test_sketches_propose_and_what_they_do_not_is_missed(
    folder: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.store.sketch, "PROPOSED", 1)
    monkeypatch.setattr(rag.store.sketch, "_FOR_EACH", 1)
    with open_store(folder, FINGERPRINT) as store:
        found = [
            [i for i, _ in one.search_dense(question, 6)]
            for one in (store, reference)
            for question in unit_vectors(25, 7)
        ]
    assert found[:25] != found[25:]


def test_asked_for_a_good_part_of_all_it_looks_at_all(folder: Path, reference: ReferenceStore) -> None:
    with open_store(folder, FINGERPRINT) as store:
        for k in (150, FILES * PASSAGES):
            question = unit_vectors(1, 9)[0]
            assert [i for i, _ in store.search_dense(question, k)] == [
                i for i, _ in reference.search_dense(question, k)
            ]


@pytest.mark.parametrize("paths", [("1*.txt",), ("7.txt",), ("*",)])
def test_among_what_a_filter_leaves_the_search_is_exact(
    folder: Path, reference: ReferenceStore, paths: tuple[str, ...]
) -> None:
    with open_store(folder, FINGERPRINT, write=True) as store:
        store.add("100.txt", [_document(100)])  # one beside
        store.remove("11.txt")
    reference.add("100.txt", [_document(100)])
    reference.remove("11.txt")
    with open_store(folder, FINGERPRINT) as store:
        for seed in range(3):
            assert_same_answers_by_meaning(store, reference, seed, Filter(paths=paths))


def assert_same_answers_by_meaning(store: LocalStore, reference: ReferenceStore, seed: int, filters: Filter) -> None:
    question = unit_vectors(1, seed)[0]
    for k in (1, 10, 30):
        exact = reference.search_dense(question, k, filters)
        assert [i for i, _ in store.search_dense(question, k, filters)] == [i for i, _ in exact]


def test_a_file_more_or_less_leaves_the_sketches_as_they_are(folder: Path, reference: ReferenceStore) -> None:
    before = _file(folder)
    with open_store(folder, FINGERPRINT) as reader, open_store(folder, FINGERPRINT, write=True) as store:
        for one in (store, reference):
            one.add("100.txt", [_document(100)])
            one.remove("3.txt")
        store.refresh()
        assert _file(folder) == before
        for asked in (store, reader):
            assert _recall(asked, reference) >= 0.99
            assert asked.passage_count() == reference.passage_count()
            own = _document(100).vectors[0]
            assert asked.search_dense(own, 1)[0][0] == "100.txt#0:0"
            gone = _document(3).vectors[0]
            assert not [i for i, _ in asked.search_dense(gone, 50) if i.startswith("3.txt")]
            words = list(_document(3).words[0])
            assert not [i for i, _ in asked.search_words(words, 500) if i.startswith("3.txt")]
            assert {i for i, _ in asked.search_words(words, 10**4)} == {
                i for i, _ in reference.search_words(words, 10**4)
            }
        assert list(store.verify()) == []


def test_what_stands_beside_is_appended_when_it_is_much(folder: Path, reference: ReferenceStore) -> None:
    before = _file(folder)
    with open_store(folder, FINGERPRINT, write=True) as store:
        for number in range(100, 106):
            for one in (store, reference):
                one.add(f"{number}.txt", [_document(number)])
                one.remove(f"{number - 90}.txt")
            store.refresh()
        assert _file(folder) != before
        assert _sketched(store) <= FILES * PASSAGES + 20
        assert _recall(store, reference) >= 0.99
        assert list(store.verify()) == []


def test_when_the_store_has_doubled_sketches_are_learned_anew(folder: Path, reference: ReferenceStore) -> None:
    with open_store(folder, FINGERPRINT, write=True) as store:
        for number in range(100, 101 + FILES):
            for one in (store, reference):
                one.add(f"{number}.txt", [_document(number)])
            if number % 6 == 0:
                store.refresh()
        store.refresh()
        state = files.read_state(folder)
        assert state is not None
        assert state.learned > FILES * PASSAGES
        assert _recall(store, reference) >= 0.99


def test_when_much_was_removed_words_weigh_as_in_a_new_store(folder: Path, reference: ReferenceStore) -> None:
    with open_store(folder, FINGERPRINT, write=True) as store:
        for number in range(4):
            for one in (store, reference):
                one.remove(f"{number}.txt")
        store.refresh()
        words = list(some_words(np.random.default_rng(1), 6))
        assert store.word_frequencies(words) == reference.word_frequencies(words)
        assert list(store.verify()) == []


def test_a_large_store_of_before_is_sketched_by_the_next_writer(
    tmp_path: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files, "LARGE", 10**9)
        _both(tmp_path / "store", reference).close()
        (words,) = (path.name for path in (tmp_path / "store").glob("index-*/words/*.idx"))
    with open_store(tmp_path / "store", FINGERPRINT) as reader:
        assert_same_answers(reader, reference)
    with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
        assert _recall(store, reference) >= 0.99
        assert _sketched(store) == FILES * PASSAGES
        assert list((tmp_path / "store").glob(f"index-*/words/{words}"))  # what need not be made again is not


def test_grown_small_again_it_is_exact_again(folder: Path, reference: ReferenceStore) -> None:
    with open_store(folder, FINGERPRINT, write=True) as store:
        for number in range(17):
            for one in (store, reference):
                one.remove(f"{number}.txt")
        store.refresh()
        assert not list(folder.glob(f"index-*/{files.SKETCHES}"))
        for seed in range(3):
            assert_same_answers(store, reference, seed=seed)
        assert list(store.verify()) == []


def test_a_reader_past_the_last_refresh_takes_what_is_there_and_adds(
    folder: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while an ingest of many files is under way, or after it was killed."""
    with open_store(folder, FINGERPRINT, write=True) as store:
        for one in (store, reference):
            one.add("100.txt", [_document(100)])
            one.remove("3.txt")
        store._indexes = None
        before = sorted(path.name for path in folder.rglob("*"))
        monkeypatch.setattr(rag.store.derived, "_fill", None)  # starting anew would call it
        with open_store(folder, FINGERPRINT) as reader:
            assert _recall(reader, reference) >= 0.99
            assert reader.search_dense(_document(100).vectors[0], 1)[0][0] == "100.txt#0:0"
            assert set(before) >= {path.name for path in folder.rglob("*")}


def test_a_refresh_that_fails_leaves_the_files_in_force(
    folder: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _file(folder)
    (folder / "index-9-killed").mkdir()  # what a kill in the middle leaves
    (folder / "index-9-killed" / files.VECTORS).write_bytes(b"half")
    with open_store(folder, FINGERPRINT) as reader, open_store(folder, FINGERPRINT, write=True) as store:
        for number in range(100, 105):
            store.add(f"{number}.txt", [_document(number)])
        with monkeypatch.context() as patch:
            patch.setattr(rag.store.sketch, "save", _killed)
            with pytest.raises(KeyboardInterrupt):
                store.refresh()
        assert _file(folder) == before
        assert _recall(reader, reference) >= 0.99
        store.refresh()
        assert _file(folder) != before
        assert len(list(folder.glob("index-*"))) == 1
        assert list(store.verify()) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", [files.SKETCHES, files.REMOVED, files.VECTORS, files.TAIL])
def test_damaged_files_are_made_again(folder: Path, reference: ReferenceStore, name: str) -> None:
    (file,) = folder.glob(f"index-*/{name}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with open_store(folder, FINGERPRINT) as reader:
        assert len(list(reader.verify())) == 1
        assert_same_answers(reader, reference)  # from the truth, exact
    with open_store(folder, FINGERPRINT, write=True) as store:
        assert _recall(store, reference) >= 0.99
        assert list(store.verify()) == []


def test_a_big_file_is_read_through_only_where_it_was_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BIG", 1000)
    with open_store(folder, FINGERPRINT, write=True) as store:
        store.add("100.txt", [_document(100)])
        store.refresh()
    read: list[str] = []
    crc = files._crc

    def noted(file: Path) -> int:
        read.append(file.name)
        return crc(file)

    monkeypatch.setattr(files, "_crc", noted)
    with open_store(folder, FINGERPRINT) as store:
        store.search_words(["a"], 1)
        assert files.SKETCHES not in read
        (file,) = folder.glob(f"index-*/{files.SKETCHES}")
        file.touch()
        assert list(store.verify()) == []
        assert files.SKETCHES in read


def test_it_moves_with_its_folder(folder: Path, reference: ReferenceStore) -> None:
    moved = folder.with_name("搬家")
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    with open_store(moved, FINGERPRINT) as store:
        assert _recall(store, reference) >= 0.99


def test_the_same_store_gives_the_same_sketches(tmp_path: Path) -> None:
    contents = []
    for name in ("1", "2"):
        _both(tmp_path / name, ReferenceStore(FINGERPRINT)).close()
        (file,) = (tmp_path / name).glob(f"index-*/{files.SKETCHES}")
        contents.append(file.read_bytes())
    assert contents[0] == contents[1]


def test_a_question_about_what_was_removed_finds_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag.store.sketch, "PROPOSED", 20)
    topic, *others = unit_vectors(900, 3)
    held = np.stack([*[topic] * 300, *others])
    keys = np.arange(len(held))
    sketches, vectors, tail = rag.store.sketch.learned(held), DenseIndex.create(DIM), DenseIndex.create(DIM)
    rag.store.sketch.add(sketches, vectors, [(keys, held)])
    index = rag.store.sketch.SketchedIndex(sketches, vectors, tail, keys[:300])
    found, cosines, others_at_most = index.nearest(topic, 10)
    best = np.argsort(-(held[300:] @ topic))[:10] + 300
    assert found.tolist() == best.tolist()
    assert others_at_most < cosines[0]
