"""Each hostile file gets one clear line of its own; the others are taken in, in bounded time and memory."""

import os
import resource
import time
from pathlib import Path

import pytest

from rag.assistant import fingerprint_of
from rag.ingest import ingest
from rag.store import open_store
from tests.conftest import FakeEmbedder
from tests.documents.corpus import lines
from tests.documents.hostile import hostile

pytestmark = pytest.mark.slow

GOOD = "\n\n".join(lines()).encode()


def test_hostile_files_cost_nothing_but_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    expected = {}
    for name, data, kind in hostile():
        (folder / name).write_bytes(data)
        shown = name.replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        expected[f"docs/{shown}"] = kind.__name__
    assert len(expected) >= 70
    (folder / "a good one.txt").write_bytes(GOOD)
    (folder / "z good one.html").write_bytes(b"<html><body><p>" + GOOD + b"</p></body></html>")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "up").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe")
    os.close(os.open(os.fsencode(folder) + b"/\xff\xfe.txt", os.O_CREAT))

    started = time.monotonic()
    with open_store(tmp_path / "vectorstore", fingerprint_of(FakeEmbedder()), write=True) as store:
        report = ingest([folder], store, FakeEmbedder(), base=tmp_path, limit_mb=20)
        assert list(store.verify()) == []
    assert time.monotonic() - started < 300
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_500_000  # kB

    assert report.added == ["docs/a good one.txt", "docs/z good one.html"]
    found = {path: type(error).__name__ for path, error in report.failed}
    odd = {"docs/loop": "UnreadableFileError", "docs/pipe": "UnreadableFileError"}
    assert {path: kind for path, kind in found.items() if expected.get(path) != kind} == odd | {
        "docs/\\udcff\\udcfe.txt": "EmptyFileError"
    }
    assert set(expected) <= set(found)
    for _, error in report.failed:
        for language in ("en", "zh"):
            line = error.message(language)
            assert len(line.splitlines()) == 1
            assert line.isprintable()
            assert len(line) < 400


def test_a_file_that_changes_while_it_is_read_is_stored_as_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(GOOD)

    class Meddling(FakeEmbedder):
        def embed_passages(self, texts):
            file.write_text("后来写下的话。")
            return super().embed_passages(texts)

    with open_store(tmp_path / "vectorstore", fingerprint_of(FakeEmbedder()), write=True) as store:
        ingest([file], store, Meddling(), base=tmp_path, limit_mb=1)
        first = store.document(store.documents()[0].id)
        assert list(store.verify()) == []
        assert ingest([file], store, FakeEmbedder(), base=tmp_path, limit_mb=1).updated == ["a.txt"]
        second = store.document(store.documents()[0].id)
    assert first is not None
    assert second is not None
    assert (len(first.text) > 1000, second.text) == (True, "后来写下的话。")
