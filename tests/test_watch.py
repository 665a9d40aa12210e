"""A folder is followed: what changes is stored when it is quiet, what goes is removed, other writers are waited for."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag.assistant import fingerprint_of
from rag.errors import PathMissingError, StoreLockedError
from rag.ingest import IngestReport
from rag.settings import Settings
from rag.store import open_store
from rag.taken import Ingest
from rag.watch import follow
from tests.conftest import FakeEmbedder

TEXT = "智新科技去年销量达到53万套。今年目标是85万套。\n"
QUIET = 0.5


class Following:
    """`follow` over a folder, a report at a time."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "docs"
        self.folder.mkdir()
        (self.folder / "a.txt").write_text(TEXT)
        self.settings = Settings(store=tmp_path / "vectorstore")
        self.waited: list[StoreLockedError] = []
        self.asked: list[list[str]] = []
        job = Ingest(self.settings, FakeEmbedder())

        def take(there: Sequence[Path], gone: Sequence[str]) -> IngestReport:
            report, _ = job.run(there, lambda *_: None, gone=gone)
            self.asked.append([*(path.name for path in there), *gone])
            return report

        self.reports = follow(
            [self.folder],
            take,
            base=job.base,
            apart=[self.settings.store],
            quiet_seconds=QUIET,
            waiting=self.waited.append,
        )

    def texts(self) -> dict[str, str]:
        with open_store(self.settings.store, None) as store:
            assert list(store.verify()) == []
            found = [store.document(one.id) for one in store.documents()]
        return {one.path: one.text for one in found if one}


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    made = Following(tmp_path)
    yield made
    made.reports.close()  # type: ignore[attr-defined]


def test_files_that_come_change_and_go_are_followed(following: Following) -> None:
    folder = following.folder
    assert next(following.reports).added == ["docs/a.txt"]
    (folder / "b.txt").write_text("又一句话在这里。" + TEXT)
    (folder / ".hidden.txt").write_text(TEXT)
    assert next(following.reports).added == ["docs/b.txt"]
    (folder / "a.txt").write_text("改过的话在这里。")
    assert next(following.reports).updated == ["docs/a.txt"]
    (folder / "b.txt").rename(folder / "c.txt")
    moved = next(following.reports)
    assert (moved.added, moved.removed) == (["docs/c.txt"], ["docs/b.txt"])
    assert not any(".hidden" in name for asked in following.asked for name in asked)
    (folder / "c.txt").write_bytes(bytes(range(256)) * 9)
    assert [path for path, _ in next(following.reports).failed] == ["docs/c.txt"]
    assert following.texts() == {"docs/a.txt": "改过的话在这里。", "docs/c.txt": "又一句话在这里。" + TEXT.strip()}


def test_a_folder_comes_and_goes_as_one(following: Following) -> None:
    next(following.reports)
    outside = following.folder.parent / "deep"
    (outside / "er").mkdir(parents=True)
    (outside / "er" / "x.txt").write_text("第一句话在很深的地方。")
    outside.rename(following.folder / "deep")
    assert next(following.reports).added == ["docs/deep/er/x.txt"]
    (following.folder / "deep").rename(outside)
    assert next(following.reports).removed == ["docs/deep"]
    assert list(following.texts()) == ["docs/a.txt"]


def test_a_file_that_is_still_being_written_waits_until_it_is_quiet(following: Following) -> None:
    next(following.reports)

    def write() -> None:
        with (following.folder / "slow.txt").open("w") as file:
            for n in range(10):
                file.write(f"第{n}句话写在这里。")
                file.flush()
                time.sleep(QUIET / 3)

    writer = threading.Thread(target=write)
    writer.start()
    assert next(following.reports).added == ["docs/slow.txt"]
    writer.join(0)
    assert not writer.is_alive()
    assert following.texts()["docs/slow.txt"].count("写在这里") == 10


def test_another_writer_is_waited_for(following: Following) -> None:
    next(following.reports)
    held = open_store(following.settings.store, fingerprint_of(FakeEmbedder()), write=True)
    (following.folder / "b.txt").write_text("又一句话在这里。")
    timer = threading.Timer(3 * QUIET, held.close)
    timer.start()
    assert next(following.reports).added == ["docs/b.txt"]
    timer.join()
    assert len(following.waited) == 1


def test_a_folder_that_is_gone_keeps_what_was_stored(following: Following) -> None:
    next(following.reports)
    following.folder.rename(following.folder.parent / "elsewhere")
    (following.folder.parent / "elsewhere" / "b.txt").write_text(TEXT)
    with pytest.raises(PathMissingError):
        next(following.reports)
    assert list(following.texts()) == ["docs/a.txt"]


def test_what_changed_during_the_first_run_is_not_missed(following: Following) -> None:
    reports = following.reports
    take_in = Ingest.run

    def slow(self: Ingest, *given, **named):
        done = take_in(self, *given, **named)
        if not (following.folder / "late.txt").exists():
            (following.folder / "late.txt").write_text("来晚了的一句话。")
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ingest, "run", slow)
        assert next(reports).added == ["docs/a.txt"]
    assert next(reports).added == ["docs/late.txt"]
    assert sorted(following.texts()) == ["docs/a.txt", "docs/late.txt"]
