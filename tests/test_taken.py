import json
from pathlib import Path

import pytest

from rag.assistant import fingerprint_of
from rag.console import Screen
from rag.errors import SettingError
from rag.ingest import IngestReport, ingest
from rag.settings import Settings
from rag.store import open_store
from rag.taken import as_dict, fields_of, foresee
from tests.conftest import FakeEmbedder

TEXT = "智新科技去年销量达到53万套。今年目标是85万套。\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("changes.txt", "goes.txt", "stays.txt"):
        (folder / name).write_text(name + TEXT)
    settings = Settings(store=tmp_path / "vectorstore")
    with open_store(settings.store, fingerprint_of(FakeEmbedder()), write=True) as store:
        ingest([folder], store, FakeEmbedder(), base=tmp_path, limit_mb=1)
    (folder / "changes.txt").write_text(TEXT)
    (folder / "goes.txt").unlink()
    (folder / "new.txt").write_text(TEXT)
    (folder / "bad.docx").write_bytes(b"PK\x03\x04" + bytes(100))
    (folder / ".kept").write_text(TEXT)
    return settings


def test_a_dry_run_says_what_would_be_done_and_does_nothing(settings: Settings, tmp_path: Path) -> None:
    before = (settings.store / "store.sqlite").read_bytes()
    report = foresee([tmp_path / "docs"], settings, lambda *_: None, {})
    assert (report.added, report.updated, report.unchanged, report.removed) == (
        *(["docs/new.txt"], ["docs/changes.txt"]),
        *(["docs/stays.txt"], ["docs/goes.txt"]),
    )
    assert [path for path, _ in report.failed] == ["docs/bad.docx"]
    assert (settings.store / "store.sqlite").read_bytes() == before
    with open_store(settings.store, fingerprint_of(FakeEmbedder()), write=True) as store:
        done = ingest([tmp_path / "docs"], store, FakeEmbedder(), base=tmp_path, limit_mb=1)
    assert (done.added, done.updated, done.removed) == (report.added, report.updated, report.removed)


def test_a_dry_run_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    report = foresee([tmp_path / "a.txt"], Settings(store=tmp_path / "nowhere"), lambda *_: None, {})
    assert report.added == ["a.txt"]
    assert not (tmp_path / "nowhere").exists()


def test_the_summary_names_every_file_and_its_reason(settings: Settings, tmp_path: Path) -> None:
    report = foresee([tmp_path / "docs"], settings, lambda *_: None, {})
    told = json.loads(json.dumps(as_dict(report, (3, 4), "zh", dry_run=True)))
    assert {key: told[key] for key in ("added", "updated", "unchanged", "removed", "failed", "passed")} == {
        "added": 1,
        "updated": 1,
        "unchanged": 1,
        "removed": 1,
        "failed": 1,
        "passed": 1,
    }
    (failed,) = told["files"]["failed"]
    assert (failed["path"], failed["kind"]) == ("docs/bad.docx", "DamagedFileError")
    assert "已损坏" in failed["reason"]
    assert told["files"]["passed"] == [{"path": "docs/.kept", "kind": "hidden"}]


@pytest.mark.parametrize(("language", "words"), [("en", "2 added"), ("zh", "新增 2")])
def test_the_screen_says_the_same(language: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = IngestReport(added=["a", "b"], passed=[(".x", "hidden")])
    Screen(language).taken(report, None)
    said = capsys.readouterr().out
    assert words in said
    assert ".x" in said
    assert len(said.splitlines()) == 4


def test_fields_are_named_or_refused() -> None:
    assert fields_of(["text=body", "date=on=day"]) == {"text": "body", "date": "on=day"}
    assert fields_of(["source=press.name", "栏目=column"]) == {"source": "press.name", "栏目": "column"}
    for wrong in ("body", "=body", "text=", "path=file"):
        with pytest.raises(SettingError, match="--field"):
            fields_of([wrong])
