"""A copy of a store at work: whole, of one moment, and a store again."""

from pathlib import Path

import pytest

from rag.errors import StoreError, StoreFolderError, StoreFullError
from rag.store import files, open_store

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import FINGERPRINT, make_file
from .test_processes import _start_writer


def _restored(copy: Path, folder: Path) -> Path:
    folder.mkdir()
    copy.rename(folder / files.DATABASE)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
        for name in ("a.txt", "b.txt"):
            store.add(name, make_file(name))
    return tmp_path / "store"


def test_where_nothing_can_be_written_the_folder_is_named_in_both_languages(folder: Path, tmp_path: Path) -> None:
    with open_store(folder, FINGERPRINT) as store, pytest.raises(StoreFolderError) as refused:
        store.backup(tmp_path / "nowhere" / "copy")
    assert refused.value.message("en").endswith("; check the folder and its permissions.")
    assert refused.value.message("zh").endswith("，请检查文件夹及其权限。")
    assert all(str(tmp_path / "nowhere" / "copy") in refused.value.message(language) for language in ("en", "zh"))


def test_what_cannot_be_a_copys_place_is_told_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    before = sorted(one.name for one in (*folder.iterdir(), *tmp_path.iterdir()))
    with open_store(folder, FINGERPRINT) as store:
        for target, told in ((tmp_path, "Is a directory"), (folder / files.DATABASE, "it is the store itself")):
            with pytest.raises(StoreFolderError, match=told):
                store.backup(target)
    assert sorted(one.name for one in (*folder.iterdir(), *tmp_path.iterdir())) == before


def test_a_copy_is_a_store_that_answers_the_same(folder: Path, tmp_path: Path) -> None:
    reference = ReferenceStore(FINGERPRINT)
    for name in ("a.txt", "b.txt"):
        reference.add(name, make_file(name))
    (tmp_path / "copy").write_text("an older copy")
    with open_store(folder, FINGERPRINT) as store:
        store.backup(tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "store"]  # one file and nothing beside it
    restored = _restored(tmp_path / "copy", tmp_path / "restored")
    with open_store(restored, FINGERPRINT) as store:  # before anything has made its indexes
        assert_same_answers(store, reference)
        assert list(store.verify()) == []
    with open_store(restored, FINGERPRINT, write=True) as store:
        assert_same_answers(store, reference)
        assert list(store.verify()) == []


def test_copies_made_beside_a_writer_hold_what_it_had_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[set[str]] = []
    with _start_writer(tmp_path / "store", 10_000, pace=3) as writer:
        assert writer.stdout is not None
        seen: set[str] = set()
        for i in range(5):
            seen |= {writer.stdout.readline().strip() for _ in range(6)}
            acknowledged.append(set(seen))
            with open_store(tmp_path / "store", FINGERPRINT) as store:
                store.backup(tmp_path / f"copy-{i}")
        writer.kill()
    for i, expected in enumerate(acknowledged):
        with open_store(_restored(tmp_path / f"copy-{i}", tmp_path / str(i)), FINGERPRINT, write=True) as store:
            assert expected <= set(store.sources())
            assert list(store.verify()) == []


def test_a_place_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    with open_store(folder, FINGERPRINT) as store, pytest.raises(StoreError, match=r"nowhere/copy: .*permissions"):
        store.backup(tmp_path / "nowhere" / "copy")


def test_a_full_disk_leaves_the_older_copy(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "copy").write_text("an older copy")
    monkeypatch.setattr(Path, "replace", full)
    with open_store(folder, FINGERPRINT) as store, pytest.raises(StoreFullError):
        store.backup(tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "an older copy"
    with open_store(folder, FINGERPRINT) as store:
        assert len(store.documents()) == 2
