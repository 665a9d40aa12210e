"""What LocalStore adds to the contract: opening, refusing, following, mending, and a disk that fills up."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from rag.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreMismatchError,
    StoreMissingError,
)
from rag.store import LocalStore, files, open_store
from rag.store.database import connect_writer
from rag.store.dense import DenseIndex
from rag.types import Filter, Fingerprint

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import DIM, FINGERPRINT, make_document, make_file, unit_vectors, with_sentences


def _filled(store: LocalStore | ReferenceStore, *, until: int = 6, start: int = 0) -> None:
    for i in range(start, until):
        store.add(f"{i}.txt", make_file(f"{i}.txt", documents=1 + i % 2))
    store.refresh()


@pytest.fixture
def reference() -> ReferenceStore:
    store = ReferenceStore(FINGERPRINT)
    _filled(store)
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
        _filled(store)
    return tmp_path / "store"


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file but SQLite's lock memory and the lock of Tantivy."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(("-shm", ".lock"))
    }


class TestOpening:
    def test_reading_where_there_is_no_store_makes_nothing(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "nowhere"):
            for fingerprint in (FINGERPRINT, None):
                with pytest.raises(StoreMissingError, match="rag ingest PATH"):
                    open_store(folder, fingerprint)
            with pytest.raises(StoreMissingError):
                open_store(folder, None, write=True)
        assert list(tmp_path.iterdir()) == []

    def test_a_maker_that_was_killed_first_leaves_no_store(self, tmp_path: Path) -> None:
        (tmp_path / files.DATABASE).touch()
        with pytest.raises(StoreMissingError):
            open_store(tmp_path, FINGERPRINT)
        with open_store(tmp_path, FINGERPRINT, write=True) as store:
            assert store.generation == 0

    @pytest.mark.parametrize(
        ("other", "part"),
        [
            (Fingerprint("another", DIM, "1"), "embedder random-16, but this is another"),
            (Fingerprint("random-16", 384, "1"), "dim 16, but this is 384"),
            (Fingerprint("random-16", DIM, "2"), "splitter 1, but this is 2"),
        ],
    )
    @pytest.mark.parametrize("write", [False, True])
    def test_another_fingerprint_is_refused(self, folder: Path, other: Fingerprint, part: str, write: bool) -> None:
        before = _contents(folder)
        with pytest.raises(StoreMismatchError, match=part + "; run: rag ingest --rebuild"):
            open_store(folder, other, write=write)
        assert _contents(folder) == before
        open_store(folder, FINGERPRINT, write=True).close()  # nothing is left locked

    def test_another_store_format_is_refused(self, folder: Path) -> None:
        db = connect_writer(folder)
        db.execute("UPDATE settings SET value = '99' WHERE name = 'schema'")
        db.close()
        with pytest.raises(StoreMismatchError, match=r"store format 99, but this is 2.*--rebuild"):
            open_store(folder, None)
        with open_store(folder, FINGERPRINT, write=True, rebuild=True) as store:
            assert store.documents() == []

    def test_no_fingerprint_opens_any_store(self, folder: Path) -> None:
        with open_store(folder, None) as store:
            assert store.fingerprint == FINGERPRINT
        with open_store(folder, None, write=True) as store:
            assert store.remove("1.txt") == 2

    def test_reading_writes_nothing(self, folder: Path, reference: ReferenceStore) -> None:
        before = _contents(folder)
        with open_store(folder, FINGERPRINT) as store:
            assert_same_answers(store, reference)
            assert list(store.verify()) == []
        assert _contents(folder) == before

    def test_a_reader_cannot_change_anything(self, folder: Path) -> None:
        with open_store(folder, FINGERPRINT) as store:
            changes: list[Callable[[], object]] = [lambda: store.add("a", []), lambda: store.remove("a"), store.refresh]
            for change in changes:
                with pytest.raises(StoreError, match="opened for reading"):
                    change()

    def test_a_second_writer_is_refused_at_once(self, folder: Path) -> None:
        with open_store(folder, FINGERPRINT, write=True), pytest.raises(StoreLockedError, match="another process"):
            open_store(folder, FINGERPRINT, write=True)
        open_store(folder, FINGERPRINT, write=True).close()

    def test_closing_twice_does_no_harm(self, folder: Path) -> None:
        for write in (False, True):
            store = open_store(folder, FINGERPRINT, write=write)
            store.close()
            store.close()


class TestBeforeThereWasMetadata:
    """A store that an earlier version made has no table for it."""

    FILTERS = Filter(metadata=(("来源", ("新华社", "b")),))

    @pytest.fixture
    def old(self, folder: Path) -> Path:
        with closing(sqlite3.connect(folder / files.DATABASE)) as db:
            db.execute("DROP TABLE metadata")
            db.commit()
        return folder

    def test_it_is_read_as_it_is(self, old: Path) -> None:
        before = (old / files.DATABASE).read_bytes()
        with open_store(old, FINGERPRINT) as store:
            assert {len(one.metadata) for one in store.documents()} == {0}
            assert store.search_dense(unit_vectors(1, 0)[0], 5, self.FILTERS) == []
            assert store.search_dense(unit_vectors(1, 0)[0], 5, Filter(paths=("0.txt",)))
            assert list(store.verify()) == []
        assert (old / files.DATABASE).read_bytes() == before

    def test_a_writer_takes_metadata_in(self, old: Path) -> None:
        with open_store(old, FINGERPRINT) as reader:
            with open_store(old, FINGERPRINT, write=True) as store:
                store.add("1.txt", make_file("1.txt", documents=2, seed=1))
                store.refresh()
                assert store.search_dense(unit_vectors(1, 0)[0], 5, self.FILTERS)
            assert {i.split("#")[0] for i, _ in reader.search_dense(unit_vectors(1, 0)[0], 5, self.FILTERS)} == {
                "1.txt"
            }


class TestRebuild:
    def test_takes_the_store_over_empty_with_another_fingerprint(self, folder: Path) -> None:
        other = Fingerprint("another", 4, "2")
        with open_store(folder, other, write=True, rebuild=True) as store:
            assert (store.fingerprint, store.documents(), store.generation) == (other, [], 7)
            store.refresh()
            assert list(store.verify()) == []

    def test_open_readers_keep_the_old_content_until_the_first_refresh(
        self, folder: Path, reference: ReferenceStore
    ) -> None:
        with open_store(folder, FINGERPRINT) as reader:
            with open_store(folder, FINGERPRINT, write=True, rebuild=True) as store:
                store.add("new.txt", make_file("new.txt"))
                assert_same_answers(reader, reference)
                store.refresh()
            reader.search_words(["词1"], 1)
            assert list(reader.sources()) == ["new.txt"]

    def test_a_reader_of_the_old_fingerprint_is_told(self, folder: Path) -> None:
        with open_store(folder, FINGERPRINT) as reader:
            with open_store(folder, Fingerprint("another", DIM, "1"), write=True, rebuild=True) as store:
                store.refresh()
            with pytest.raises(StoreMismatchError):
                reader.search_words(["词1"], 1)

    def test_mends_a_corrupt_database(self, folder: Path) -> None:
        (folder / files.DATABASE).write_bytes(b"no database" * 1000)
        with pytest.raises(StoreCorruptError, match="rag ingest --rebuild"):
            open_store(folder, FINGERPRINT)
        with pytest.raises(StoreCorruptError):
            open_store(folder, FINGERPRINT, write=True)
        with open_store(folder, FINGERPRINT, write=True, rebuild=True) as store:
            _filled(store)
            assert list(store.verify()) == []

    def test_needs_write_and_a_fingerprint(self, folder: Path) -> None:
        with pytest.raises(ValueError):
            open_store(folder, FINGERPRINT, rebuild=True)
        with pytest.raises(ValueError):
            open_store(folder, None, write=True, rebuild=True)

    def test_a_log_without_its_database_is_no_part_of_the_next_store(self, folder: Path) -> None:
        """As left behind by a rebuild of a corrupt store that was killed halfway."""
        writer = open_store(folder, FINGERPRINT, write=True)
        writer.add("a.txt", make_file("a.txt"))
        log = (folder / files.DATABASE_SIDE_FILES[0]).read_bytes()
        writer.close()
        assert log
        (folder / files.DATABASE).unlink()
        (folder / files.DATABASE_SIDE_FILES[0]).write_bytes(log)
        with pytest.raises(StoreMissingError):
            open_store(folder, FINGERPRINT)
        with open_store(folder, FINGERPRINT, write=True) as store:
            assert store.sources() == {}
            assert list(store.verify()) == []


class TestFollowing:
    """A reader that stays open while a writer writes."""

    @pytest.fixture
    def writer(self, folder: Path) -> Iterator[LocalStore]:
        with open_store(folder, FINGERPRINT, write=True) as store:
            yield store

    def test_a_reader_stays_at_its_generation_until_the_refresh(
        self, folder: Path, writer: LocalStore, reference: ReferenceStore
    ) -> None:
        with open_store(folder, FINGERPRINT) as reader:
            assert_same_answers(reader, reference)
            for i in range(6, 9):
                writer.add(f"{i}.txt", make_file(f"{i}.txt"))
                writer.remove(f"{i - 6}.txt")
                assert_same_answers(reader, reference)
            writer.refresh()
            for i in range(6, 9):
                reference.add(f"{i}.txt", make_file(f"{i}.txt"))
                reference.remove(f"{i - 6}.txt")
            reader.search_words(["词1"], 1)  # the search that notices
            assert_same_answers(reader, reference)

    def test_a_pinned_reader_stays_past_the_refresh(
        self, folder: Path, writer: LocalStore, reference: ReferenceStore
    ) -> None:
        with open_store(folder, FINGERPRINT) as reader:
            with reader.pinned():
                writer.add("new.txt", make_file("new.txt"))
                writer.refresh()
                assert_same_answers(reader, reference)
            with reader.pinned():
                assert "new.txt" in reader.sources()

    def test_questions_that_never_pause_see_the_refresh(self, folder: Path, writer: LocalStore) -> None:
        with open_store(folder, FINGERPRINT) as reader, ThreadPoolExecutor(1) as pool:
            with reader.pinned():
                writer.add("new.txt", make_file("new.txt"))
                writer.refresh()

                def later() -> bool:
                    with reader.pinned(), reader.pinned():
                        return "new.txt" in reader.sources()

                found = pool.submit(later)
                with pytest.raises(TimeoutError):  # it lets the one before it end
                    found.result(0.2)
                assert "new.txt" not in reader.sources()
            assert found.result(5)

    def test_a_reader_waits_where_the_writer_is_past_the_refresh_again(
        self, folder: Path, writer: LocalStore, reference: ReferenceStore
    ) -> None:
        with open_store(folder, FINGERPRINT) as reader:
            assert_same_answers(reader, reference)
            writer.add("new.txt", make_file("new.txt"))
            writer.refresh()
            writer.add("newer.txt", make_file("newer.txt"))
            assert_same_answers(reader, reference)
            writer.refresh()
            reader.search_words(["词1"], 1)
            assert reader.generation == writer.generation

    def test_a_reader_opened_between_add_and_refresh_sees_what_is_committed(
        self, folder: Path, writer: LocalStore, reference: ReferenceStore
    ) -> None:
        writer.add("new.txt", make_file("new.txt"))
        reference.add("new.txt", make_file("new.txt"))
        with open_store(folder, FINGERPRINT) as reader:
            assert_same_answers(reader, reference)

    def test_threads_share_a_reader(self, folder: Path, reference: ReferenceStore) -> None:
        failures: list[BaseException] = []

        def ask(seed: int) -> None:
            try:
                assert_same_answers(reader, reference, seed=seed)
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                failures.append(error)

        with open_store(folder, FINGERPRINT) as reader:
            threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert failures == []


def _old_index(folder: Path) -> None:
    """Put the index of an older generation back in force."""
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    with open_store(folder, FINGERPRINT, write=True) as store:
        store.remove("0.txt")
        store.add("0.txt", make_file("0.txt"))
        store.refresh()
    for name in folder.glob("index*"):
        if name.is_dir():
            shutil.rmtree(name)
        else:
            name.unlink()
    for name in kept.glob("index*"):
        shutil.move(name, folder / name.name)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.unlink()  # it may be linked from elsewhere
    file.write_bytes(content)


_DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty state": lambda folder: (folder / files.INDEX_STATE).write_bytes(b""),
    "state that is no object": lambda folder: (folder / files.INDEX_STATE).write_bytes(b"[1]"),
    "state of another format": lambda folder: (folder / files.INDEX_STATE).write_text(
        json.dumps({**json.loads((folder / files.INDEX_STATE).read_text()), "format": 0})
    ),
    "no folder": lambda folder: shutil.rmtree(next(folder.glob("index-*"))),
    "no vectors": lambda folder: next(folder.glob("index-*/" + files.VECTORS)).unlink(),
    "damaged vectors": lambda folder: _flip(next(folder.glob("index-*/" + files.VECTORS))),
    "no words": lambda folder: shutil.rmtree(next(folder.glob("index-*/" + files.WORDS))),
    "damaged words": lambda folder: _flip(next(folder.glob("index-*/words/*.idx"))),
    "damaged words list": lambda folder: _flip(next(folder.glob("index-*/words/meta.json"))),
    "an older generation": _old_index,
}


class TestDerivedFiles:
    @pytest.mark.parametrize("damage", _DAMAGES)
    def test_answers_stay_right_and_the_writer_mends(
        self, folder: Path, reference: ReferenceStore, damage: str
    ) -> None:
        _DAMAGES[damage](folder)
        before = _contents(folder)
        with open_store(folder, FINGERPRINT) as reader:
            assert_same_answers(reader, reference)
            assert len(list(reader.verify())) == 1
            assert _contents(folder) == before
        with open_store(folder, FINGERPRINT, write=True) as writer:
            assert_same_answers(writer, reference)
            assert list(writer.verify()) == []

    def test_without_any_nothing_is_wrong_and_the_writer_makes_them(
        self, folder: Path, reference: ReferenceStore
    ) -> None:
        (folder / files.INDEX_STATE).unlink()
        before = _contents(folder)
        with open_store(folder, FINGERPRINT) as reader:
            assert_same_answers(reader, reference)
            assert (list(reader.verify()), reader.has_indexes()) == ([], False)
            assert _contents(folder) == before
        with open_store(folder, FINGERPRINT, write=True) as writer:
            assert writer.has_indexes()
            assert list(writer.verify()) == []

    def test_the_same_content_gives_the_same_answers_whatever_came_before(self, tmp_path: Path) -> None:
        with open_store(tmp_path / "1", FINGERPRINT, write=True) as one, open_store(
            tmp_path / "2", FINGERPRINT, write=True
        ) as two:  # fmt: skip
            _filled(one)
            for i in reversed(range(6)):
                two.add("gone.txt", make_file("gone.txt", seed=i, documents=4))
                two.add(f"{i}.txt", make_file(f"{i}.txt", seed=9))
                two.add(f"{i}.txt", make_file(f"{i}.txt", documents=1 + i % 2))
                two.refresh()
            two.remove("gone.txt")
            two.refresh()
            for seed in range(5):
                vector = unit_vectors(1, seed)[0]
                assert one.search_dense(vector, 9) == two.search_dense(vector, 9)
                words = [f"词{seed}", "词1", "a"]
                assert one.search_words(words, 9) == two.search_words(words, 9)

    def test_only_one_index_folder_is_kept(self, folder: Path) -> None:
        (folder / "index-5-killed").mkdir()
        with open_store(folder, FINGERPRINT, write=True) as store:
            _filled(store, start=6, until=8)
        assert len(list(folder.glob("index-*"))) == 1

    def test_passages_added_are_added_to_the_index_in_force(
        self, folder: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with open_store(folder, FINGERPRINT, write=True) as store:
            store.add("new.txt", make_file("new.txt"))
            reference.add("new.txt", make_file("new.txt"))
            monkeypatch.setattr(DenseIndex, "create", None)  # starting anew would call it
            store.refresh()
            assert_same_answers(store, reference)
            assert list(store.verify()) == []


class TestFullDisk:
    def test_a_full_database_loses_nothing(self, folder: Path, reference: ReferenceStore) -> None:
        with open_store(folder, FINGERPRINT, write=True) as store:
            pages = store._db.execute("PRAGMA page_count").fetchone()[0]
            store._db.execute(f"PRAGMA max_page_count={pages}")
            with pytest.raises(StoreFullError, match="nothing stored before was lost"):
                store.add("big.txt", [make_document("big.txt", passages=200)])
            assert_same_answers(store, reference)
            store._db.execute("PRAGMA max_page_count=1000000")
            store.add("big.txt", [make_document("big.txt", passages=200)])
            store.refresh()
            assert list(store.verify()) == []

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_no_room_for_the_index_keeps_the_old_one(
        self, folder: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def save(self: DenseIndex, file: Path) -> None:
            raise OSError(code, os.strerror(code))

        with open_store(folder, FINGERPRINT) as reader, open_store(folder, FINGERPRINT, write=True) as store:
            store.add("new.txt", make_file("new.txt"))
            with monkeypatch.context() as patch:
                patch.setattr(DenseIndex, "save", save)
                with pytest.raises(StoreFullError):
                    store.refresh()
            assert len(list(folder.glob("index-*"))) == 1
            assert_same_answers(reader, reference)
            reference.add("new.txt", make_file("new.txt"))
            assert_same_answers(store, reference)

    def test_a_real_full_disk(self, small_disk: Path) -> None:
        stored = []

        def fill(store: LocalStore) -> None:
            for i in range(1000):
                store.add(f"{i}.txt", [make_document(f"{i}.txt", passages=30)])
                stored.append(f"{i}.txt")
                store.refresh()

        with open_store(small_disk / "store", FINGERPRINT, write=True) as store, pytest.raises(StoreFullError):
            fill(store)
        assert len(stored) > 3
        (small_disk / "ballast").unlink()
        with open_store(small_disk / "store", FINGERPRINT, write=True) as store:
            assert set(store.sources()) == set(stored)
            assert list(store.verify()) == []

    @pytest.fixture
    def small_disk(self) -> Iterator[Path]:
        """A file system of 4 MB, 2 MB of them in a file "ballast"."""
        folder = Path(tempfile.mkdtemp())
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            folder.rmdir()
            pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
        (folder / "ballast").write_bytes(bytes(2_000_000))
        yield folder
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


class TestReadOnlyFolder:
    @pytest.fixture
    def sealed(self, reference: ReferenceStore) -> Iterator[Callable[[], Path]]:
        """Gives a filled store, and on being called takes from this process the right to write to it."""
        top = Path(tempfile.mkdtemp())
        top.chmod(0o755)
        with open_store(top / "store", FINGERPRINT, write=True) as store:
            _filled(store)
        user = os.geteuid()

        def seal() -> Path:
            for path in (*top.rglob("*"), top):
                path.chmod(0o555 if path.is_dir() else 0o444)
            if user == 0:  # root may write anywhere
                os.seteuid(65534)
            return top / "store"

        self.folder = top / "store"
        yield seal
        if user == 0:
            os.seteuid(0)
        for path in (top, *(path for path in sorted(top.rglob("*")) if path.is_dir())):
            path.chmod(0o755)
        shutil.rmtree(top)

    def test_can_be_read(self, sealed: Callable[[], Path], reference: ReferenceStore) -> None:
        with open_store(sealed(), FINGERPRINT) as store:
            assert_same_answers(store, reference)
            assert list(store.verify()) == []

    def test_can_be_read_without_the_side_files(self, sealed: Callable[[], Path], reference: ReferenceStore) -> None:
        for name in files.DATABASE_SIDE_FILES:
            (self.folder / name).unlink()
        with open_store(sealed(), FINGERPRINT) as store:
            assert_same_answers(store, reference)

    def test_a_log_that_cannot_be_finished_is_named(self, sealed: Callable[[], Path]) -> None:
        (self.folder / files.DATABASE_SIDE_FILES[0]).write_bytes(bytes(5000))
        (self.folder / files.DATABASE_SIDE_FILES[1]).unlink()
        with pytest.raises(StoreError, match="in the middle of writing"):
            open_store(sealed(), FINGERPRINT)

    def test_cannot_be_written(self, sealed: Callable[[], Path]) -> None:
        with pytest.raises(StoreError, match="permissions"):
            open_store(sealed(), FINGERPRINT, write=True)


class TestCorruptDatabase:
    def test_a_cut_off_file(self, folder: Path) -> None:
        file = folder / files.DATABASE
        os.truncate(file, file.stat().st_size // 2)
        with pytest.raises(StoreCorruptError):
            open_store(folder, FINGERPRINT)

    def test_damaged_pages_are_named(self, folder: Path) -> None:
        file = folder / files.DATABASE
        content = bytearray(file.read_bytes())
        for page in range(5 * 16384, len(content), 16384):
            content[page : page + 100] = b"\xff" * 100
        file.write_bytes(content)
        with open_store(folder, FINGERPRINT) as store:
            assert any(fault.startswith("database: ") for fault in store.verify())
            with pytest.raises(StoreCorruptError):
                store.documents()

    def test_missing_settings(self, folder: Path) -> None:
        db = connect_writer(folder)
        db.execute("DELETE FROM settings WHERE name = 'dim'")
        db.close()
        with pytest.raises(StoreCorruptError, match="damaged settings"):
            open_store(folder, None)

    def test_another_database(self, tmp_path: Path) -> None:
        db = sqlite3.connect(tmp_path / files.DATABASE)
        db.execute("CREATE TABLE other (x)")
        db.close()
        with pytest.raises(StoreCorruptError, match="no such table: settings"):
            open_store(tmp_path, None)


def test_a_store_without_signatures_is_read_told_and_mended(tmp_path: Path) -> None:
    text = "智新科技有关负责人介绍,去年销量连续迈过三道10万级大关,达到53万套。"
    with open_store(tmp_path, FINGERPRINT, write=True) as store:
        store.add("a.txt", [with_sentences("a.txt", text)])
        store.add("b.txt", [with_sentences("b.txt", text)])
        store.refresh()
        store._db.execute("DROP TABLE signatures")  # as a version that made none left it
        store._db.execute("DELETE FROM settings WHERE name = 'signatures'")
    with open_store(tmp_path, FINGERPRINT) as reader:
        assert (reader.alike(text), reader.copies()) == ([], {})
        assert [fault for fault in reader.verify() if "2 sentences" in fault and "rag ingest" in fault]
    with open_store(tmp_path, FINGERPRINT, write=True) as store:
        assert len(store.alike(text)) == 2
        store._db.execute("DELETE FROM signatures WHERE sentence = 1")  # as such a version adds to a store
    with open_store(tmp_path, FINGERPRINT, write=True) as store:
        assert len(store.alike(text)) == 2
        assert list(store.verify()) == []
        store._db.execute("UPDATE settings SET value = 'otherwise' WHERE name = 'signatures'")
        assert store.alike(text) == []
    with open_store(tmp_path, FINGERPRINT, write=True) as store:
        assert len(store.alike(text)) == 2
    with open_store(tmp_path, FINGERPRINT, write=True, rebuild=True) as store:
        assert store.alike(text) == []


def test_signatures_stay_what_they_are() -> None:
    """Those stored must be those asked for, on any machine and in any order of the batch."""
    from rag.store.signatures import bands

    texts = ["智新科技去年销量达到53万套。", "The company sold 530,000 units.", "", "好"]
    assert [bands([text])[0] for text in texts] == bands(texts)
    assert bands(texts[:1])[0][:2] == [3767496690, 918910917]  # where this changes, `scheme` must
