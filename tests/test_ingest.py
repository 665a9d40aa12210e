import errno
import os
import tracemalloc
import weakref
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.assistant import fingerprint_of
from rag.documents import text_document
from rag.documents.build import build
from rag.documents.readers import Source
from rag.errors import ClusterWorkerError, FactError, PathMissingError
from rag.ingest import IngestReport, add_text, cited_path, index_documents, ingest
from rag.ingest import run as running
from rag.ingest.cluster import Cluster, WorkerDiedError
from rag.store import LocalStore, open_store
from rag.types import Facts
from tests.conftest import FakeEmbedder

TEXT = "智新科技去年销量达到53万套。今年目标是85万套。\n"


class Counting(FakeEmbedder):
    def __init__(self) -> None:
        self.texts = 0

    def embed_passages(self, texts):
        self.texts += len(texts)
        return super().embed_passages(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with open_store(tmp_path / "vectorstore", fingerprint_of(FakeEmbedder()), write=True) as opened:
        yield opened


def run(store: LocalStore, tmp_path: Path, *names: str, embedder: FakeEmbedder | None = None) -> IngestReport:
    paths = [tmp_path / name for name in names]
    return ingest(paths, store, embedder or FakeEmbedder(), base=tmp_path, limit_mb=1)


def test_a_folder_is_taken_in_and_kept_up_to_date(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text(TEXT)
    (folder / "deep" / "b.md").write_text("# 题\n\n" + TEXT)
    (folder / "c.pdf").write_bytes(b"%PDF-1.7 and no more")
    (folder / ".hidden.txt").write_text(TEXT)
    first = run(store, tmp_path, "docs")
    assert first.added == ["docs/a.txt", "docs/deep/b.md"]
    assert [(path, type(error).__name__) for path, error in first.failed] == [("docs/c.pdf", "DamagedFileError")]
    assert first.passed == [("docs/.hidden.txt", "hidden")]

    counting = Counting()
    again = run(store, tmp_path, "docs", embedder=counting)
    assert (again.unchanged, again.changed, counting.texts) == (["docs/a.txt", "docs/deep/b.md"], False, 0)

    (folder / "a.txt").write_text(TEXT + "新的一句话。\n")
    (folder / "deep" / "b.md").unlink()
    last = run(store, tmp_path, "docs")
    assert (last.updated, last.removed) == (["docs/a.txt"], ["docs/deep/b.md"])
    assert list(store.sources()) == ["docs/a.txt"]
    assert not list(store.verify())


def test_one_bad_file_does_not_stop_the_others(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text(TEXT)
    (tmp_path / "d.txt").write_text("x" * 1_100_000)
    report = run(store, tmp_path, "a.txt", "b.txt", "c.txt", "d.txt")
    assert report.added == ["c.txt"]
    kinds = [(path, type(error).__name__) for path, error in report.failed]
    assert kinds == [("a.txt", "NotTextError"), ("b.txt", "EmptyFileError"), ("d.txt", "FileTooLargeError")]


def test_a_file_that_went_bad_keeps_what_was_stored(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    run(store, tmp_path, "a.txt")
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 50)
    assert [path for path, _ in run(store, tmp_path, "a.txt").failed] == ["a.txt"]
    assert list(store.sources()) == ["a.txt"]


def test_what_a_file_holds_counts_not_what_it_is_called(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text(TEXT)
    (tmp_path / "README").write_text(TEXT)
    (tmp_path / "b.txt").write_bytes(b"GIF89a" + bytes(range(256)))
    report = run(store, tmp_path, "a.pdf", "README", "b.txt")
    assert report.added == ["README", "a.pdf"]
    assert "b.txt: a picture" in str(dict(report.failed)["b.txt"])


def test_wrong_paths_are_told_before_anything_is_written(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(PathMissingError, match="gone"):
        run(store, tmp_path, "a.txt", "gone")
    assert store.sources() == {}


def test_files_of_equal_content_are_embedded_once_and_both_citable(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_text(TEXT)
    counting = Counting()
    run(store, tmp_path, "a.txt", "b.txt", embedder=counting)
    once = counting.texts
    assert [d.path for d in store.documents()] == ["a.txt", "b.txt"]
    (tmp_path / "c.txt").write_text(TEXT)
    run(store, tmp_path, "c.txt", embedder=counting)
    assert counting.texts == once
    assert not list(store.verify())


def test_content_that_moved_to_another_file_keeps_its_own_vectors(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    run(store, tmp_path, "a.txt")
    (tmp_path / "a.txt").write_text("完全不同的一句话，说的是别的事情。还有第二句话也在这里。还有第三句话。\n")
    (tmp_path / "b.txt").write_text(TEXT)
    run(store, tmp_path, "a.txt", "b.txt")
    of_b = next(d.id for d in store.documents() if d.path == "b.txt")
    expected = FakeEmbedder().embed_passages([TEXT.strip()])
    assert store.passage_vectors([f"{of_b}-0000"])[0] == pytest.approx(expected[0], abs=1e-6)


def test_equal_bytes_of_another_format_are_read_on_their_own(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# 题\n\n" + TEXT)
    (tmp_path / "b.md").write_text("# 题\n\n" + TEXT)
    assert run(store, tmp_path, "a.txt", "b.md").added == ["a.txt", "b.md"]
    assert not list(store.verify())


def test_a_broken_link_in_a_folder_is_one_failed_file(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "0.txt").symlink_to(tmp_path / "nowhere.txt")
    (tmp_path / "docs" / "z.txt").write_text(TEXT)
    report = run(store, tmp_path, "docs")
    assert (report.added, [path for path, _ in report.failed]) == (["docs/z.txt"], ["docs/0.txt"])


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder of one file, and beside it a link to the file and a link to the folder."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "8f3a.txt").write_text(TEXT)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "年报.txt").symlink_to(tmp_path / "kept" / "8f3a.txt")
    (tmp_path / "shelf").symlink_to(tmp_path / "kept")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "cited"),
    [
        ("docs", "docs/年报.txt"),
        ("docs/年报.txt", "docs/年报.txt"),
        ("shelf", "shelf/8f3a.txt"),
        ("shelf/8f3a.txt", "shelf/8f3a.txt"),
        ("docs/../docs", "docs/年报.txt"),
        ("shelf/../docs/年报.txt", "docs/年报.txt"),
    ],
)
def test_a_link_keeps_its_own_name(store: LocalStore, linked: Path, given: str, cited: str) -> None:
    assert run(store, linked, given).added == [cited]
    assert [document.path for document in store.documents()] == [cited]
    assert run(store, linked, given).unchanged == [cited]


def test_up_from_behind_a_link_is_where_the_link_leads(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "a.txt").write_text(TEXT)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "deep")
    assert run(store, tmp_path, "near/../a.txt").added == ["far/a.txt"]
    (tmp_path / "far" / "a.txt").rename(tmp_path / "far" / "deep" / "a.txt")
    assert cited_path(tmp_path / "near" / "..", tmp_path) == "far"


def test_a_file_of_two_names_is_cited_by_both_and_embedded_once(store: LocalStore, linked: Path) -> None:
    counting = Counting()
    assert run(store, linked, "kept", embedder=counting).added == ["kept/8f3a.txt"]
    once = counting.texts
    assert run(store, linked, "docs", "shelf", embedder=counting).added == ["docs/年报.txt", "shelf/8f3a.txt"]
    assert counting.texts == once
    (linked / "docs" / "年报.txt").unlink()
    assert run(store, linked, "docs", "kept", "shelf").removed == ["docs/年报.txt"]
    assert sorted(store.sources()) == ["kept/8f3a.txt", "shelf/8f3a.txt"]


def test_links_on_the_way_to_the_base_do_not_count(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "real" / "docs").mkdir(parents=True)
    (tmp_path / "real" / "docs" / "a.txt").write_text(TEXT)
    (tmp_path / "way").symlink_to(tmp_path / "real")
    for folder, base in (("way", "real"), ("real", "way"), ("way", "way")):
        paths = [tmp_path / folder / "docs"]
        ingest(paths, store, FakeEmbedder(), base=tmp_path / base, limit_mb=1)
        assert list(store.sources()) == ["docs/a.txt"]
    (tmp_path / "real" / "docs" / "a.txt").unlink()
    report = ingest([tmp_path / "way" / "docs"], store, FakeEmbedder(), base=tmp_path / "real", limit_mb=1)
    assert report.removed == ["docs/a.txt"]


def test_paths_are_cited_relative_to_the_base(tmp_path: Path) -> None:
    assert cited_path(tmp_path / "x" / "a.txt", tmp_path) == "x/a.txt"
    assert cited_path(Path("/elsewhere/a.txt"), tmp_path) == "/elsewhere/a.txt"


class KilledError(Exception):
    pass


class Dying(Counting):
    """Embeds so many texts, and then the process is gone."""

    def __init__(self, texts: int) -> None:
        super().__init__()
        self.left = texts

    def embed_passages(self, texts):
        self.left -= len(texts)
        if self.left < 0:
            raise KilledError
        return super().embed_passages(texts)


def articles(count: int) -> str:
    body = "这一天一共生产了{0}00万套产品，比上一年增长了{0}倍。第{0}号车间的人说，今年还要扩大规模。得到好评{0}。"
    parts = (f"第{n}篇新闻的标题\n2024-01-{n % 28 + 1:02d}\n" + body.format(n) * 3 + "\n" for n in range(1, count + 1))
    return "\n".join(parts)


def test_a_large_file_that_is_killed_again_and_again_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(articles(90))
    whole = Counting()
    with open_store(tmp_path / "other", fingerprint_of(whole), write=True) as other:
        run(other, tmp_path, "news.txt", embedder=whole)
        expected = [other.passage_vectors([f"{d.id}-0000"])[0].tobytes() for d in other.documents()]
    assert len(expected) == 90

    embedded, kills = 0, 0
    while True:
        dying = Dying(whole.texts // 6)
        with open_store(tmp_path / "vectorstore", fingerprint_of(dying), write=True) as store:  # a new process
            try:
                run(store, tmp_path, "news.txt", embedder=dying)
            except KilledError:
                assert store.document_count() == 0
                kills += 1
                embedded += dying.texts
                continue
            embedded += dying.texts
            assert [store.passage_vectors([f"{d.id}-0000"])[0].tobytes() for d in store.documents()] == expected
            assert store.kept([], exact=True) == {}
            assert not list(store.verify())
            break
    assert kills >= 5
    assert embedded == whole.texts


def test_what_no_document_came_to_use_is_forgotten(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    store.keep(["谁也不用的话"], FakeEmbedder().embed_passages(["谁也不用的话"]))
    run(store, tmp_path, "a.txt")
    assert store.kept(["谁也不用的话"], exact=False) == {}


def test_a_file_that_changes_is_embedded_only_where_it_changed(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(articles(20))
    run(store, tmp_path, "news.txt")
    (tmp_path / "news.txt").write_text(articles(21))
    counting = Counting()
    run(store, tmp_path, "news.txt", embedder=counting)
    assert 0 < counting.texts < 20
    assert store.document_count() == 21


def test_an_archive_is_taken_in_and_goes_as_one(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr("x/1.txt", TEXT)
        packed.writestr("../../2.md", "# 题\n\n" + TEXT)
        packed.writestr("3.bin", bytes(range(256)))
    first = run(store, tmp_path, "docs")
    assert (first.added, [path for path, _ in first.failed]) == (["docs/a.zip"], ["docs/a.zip/3.bin"])
    assert list(store.sources()) == ["docs/a.zip/2.md", "docs/a.zip/x/1.txt"]
    again = run(store, tmp_path, "docs")
    assert (again.unchanged, again.changed) == (["docs/a.zip"], False)
    (folder / "a.zip").unlink()
    assert run(store, tmp_path, "docs").removed == ["docs/a.zip/2.md", "docs/a.zip/x/1.txt"]
    assert store.sources() == {}
    assert not list(store.verify())


def test_records_read_by_other_fields_are_other_documents(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"甲": "' + TEXT.strip() + '", "乙": "另一段话说的是别的事情。"}\n')

    def taken(**fields: str) -> IngestReport:
        return ingest([tmp_path / "a.jsonl"], store, FakeEmbedder(), base=tmp_path, limit_mb=1, fields=fields)

    assert taken(text="甲").added == ["a.jsonl"]
    assert taken(text="甲").unchanged == ["a.jsonl"]
    assert taken(text="乙").updated == ["a.jsonl"]
    assert [path for path, _ in taken(text="丙").failed] == ["a.jsonl"]
    found = [store.document(d.id) for d in store.documents()]
    assert [d.text for d in found if d] == ["另一段话说的是别的事情。"]


def test_the_store_and_sets_of_questions_are_passed_over_with_a_word(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "qa.jsonl").write_text('{"question": "几？", "answers": ["三"]}\n')
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.txt").write_text(TEXT)
    report = ingest([tmp_path], store, FakeEmbedder(), base=tmp_path, limit_mb=1, apart=[store.path])
    assert report.added == ["a.txt"]
    assert report.failed == []
    assert report.passed == [(".git/", "hidden"), ("vectorstore/", "own"), ("qa.jsonl", "questions")]


def test_a_long_file_holds_its_vectors_once_and_those_of_sentences_in_half_precision() -> None:
    class Wide(FakeEmbedder):
        dim = 2048

        def embed_passages(self, texts):
            rows = np.zeros((len(texts), self.dim), dtype=np.float32)
            rows[np.arange(len(texts)), [hash(text) % self.dim for text in texts]] = 1
            return rows

    documents = [text_document(f"第{n}条这样说。第{n}条那样说。第{n}条不说。", f"{n}.txt") for n in range(300)]
    embedder = Wide()
    index_documents(documents[:2], embedder)  # what is loaded once
    tracemalloc.start()
    indexed = index_documents(documents, embedder)
    passages = sum(len(one.vectors) for one in indexed)
    sentences = sum(len(one.sentence_vectors) for one in indexed)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (passages, sentences) == (300, 900)
    assert most < 1.5 * (4 * passages + 2 * sentences) * embedder.dim


def test_what_was_made_of_a_file_is_let_go_before_the_next_one_and_the_indexes_are_made(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name + TEXT)
    made: list[weakref.ref[object]] = []
    held: list[int] = []

    def counted() -> None:
        held.append(sum(one() is not None for one in made))

    def watched(*given, **named):
        counted()
        indexed = index_documents(*given, **named)
        made.append(weakref.ref(indexed))
        return indexed

    monkeypatch.setattr(running, "index_documents", watched)
    monkeypatch.setattr(store, "refresh", counted)
    assert len(run(store, tmp_path, "a.txt", "b.txt", "c.txt").added) == 3
    assert held == [0, 0, 0, 0]


def test_a_folder_that_cannot_be_looked_into_keeps_what_is_stored_of_it(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "docs" / "locked"
    locked.mkdir(parents=True)
    (locked / "a.txt").write_text("第一句话在这里。\n")
    (tmp_path / "docs" / "b.txt").write_text("第二句话在那里。\n")
    run(store, tmp_path, "docs")
    (tmp_path / "docs" / "b.txt").unlink()
    scandir = os.scandir

    def denied(path: str) -> object:  # as root, a test could look into any folder
        if path == str(locked):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    report = run(store, tmp_path, "docs")
    assert report.removed == ["docs/b.txt"]
    assert [(name, str(error)) for name, error in report.failed] == [
        ("docs/locked", "docs/locked: cannot be read (Permission denied); check its permissions.")
    ]
    assert list(store.sources()) == ["docs/locked/a.txt"]


def test_a_linked_folder_is_passed_over_and_named(store: LocalStore, linked: Path) -> None:
    (linked / "docs" / "more").symlink_to(linked / "kept")
    assert run(store, linked, "docs").passed == [("docs/more/", "link")]


def test_a_text_takes_no_folders_place(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.txt").write_text("第一句话在这里。\n")
    run(store, tmp_path, "reports")
    with pytest.raises(FactError, match="reports is a stored file or folder; give the text another title"):
        add_text("例会定于星期五上午九点举行。", store, FakeEmbedder(), Facts(title="reports"))
    assert list(store.sources()) == ["reports/a.txt"]


def test_a_worker_that_dies_over_a_file_is_told_with_it(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("第一句话在这里。\n")

    def worker(method: str, *given: object) -> object:
        if method == "read":
            return build(Source(*given))
        raise WorkerDiedError(3)

    with (
        Cluster([worker], FakeEmbedder.dim, limit_mb=1, fields={}) as cluster,
        pytest.raises(ClusterWorkerError, match=r"a\.txt: its worker died 3 times over it; what is stored stays"),
    ):
        ingest([tmp_path / "a.txt"], store, FakeEmbedder(), base=tmp_path, limit_mb=1, way=cluster)
