import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import ModelBuildError, ModelMissingError, WeightsMissingError
from rag.models import build
from rag.models.build import STAGES, built_model, verify_model
from rag.models.layout import BUILD_FOLDER, DATA_FILE, MODEL_FILE


class FakeExport:
    """In place of rag.models.export: two small files, or an error after the first."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: BaseException | None = None
        self.reason = ""

    def __call__(self, target: Path, scratch: Path, progress: build.Progress) -> str:
        self.calls += 1
        (scratch / "large").write_bytes(b"x" * 1000)
        (target / MODEL_FILE).write_text("graph")
        time.sleep(0.05)
        if self.error:
            raise self.error
        (target / DATA_FILE).write_text("weights")
        (target / DATA_FILE).chmod(0o600)  # as the exporter does
        return self.reason


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch) -> FakeExport:
    fake = FakeExport()
    monkeypatch.setattr(build, "_export", fake)
    return fake


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_builds_once_and_leaves_only_the_model(tmp_path: Path, export: FakeExport) -> None:
    cache = tmp_path / "new" / "cache"
    seen: list[tuple[str, int, int]] = []
    folder = built_model(cache, lambda *report: seen.append(report))
    assert built_model(cache) == folder
    assert export.calls == 1
    assert visible(cache) == [BUILD_FOLDER]
    assert visible(folder) == ["manifest.json", DATA_FILE, MODEL_FILE]
    assert verify_model(folder) == []
    assert seen[-1][1:] == (len(STAGES), len(STAGES))


def test_whoever_may_read_one_file_may_read_all(tmp_path: Path, export: FakeExport) -> None:
    (tmp_path / "new").touch()
    modes = {path.stat().st_mode for path in built_model(tmp_path / "cache").iterdir()}
    assert modes == {(tmp_path / "new").stat().st_mode}  # what the user's mask gives a new file


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_failure_midway_leaves_nothing(tmp_path: Path, export: FakeExport, error: BaseException) -> None:
    export.error = error
    expected = ModelBuildError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        built_model(tmp_path)
    assert visible(tmp_path) == []
    export.error = None
    assert verify_model(built_model(tmp_path)) == []


def test_a_failed_check_leaves_nothing_and_says_why(tmp_path: Path, export: FakeExport) -> None:
    export.reason = "cosine to float32 is 0.9000, under 0.99"
    with pytest.raises(ModelBuildError, match=r"0\.9000"):
        built_model(tmp_path)
    assert visible(tmp_path) == []


def test_what_a_killed_build_left_is_cleared(tmp_path: Path, export: FakeExport) -> None:
    left = tmp_path / f".{BUILD_FOLDER}-killed"
    left.mkdir()
    (left / "half").write_text("x")
    built_model(tmp_path)
    assert visible(tmp_path) == [BUILD_FOLDER]


def test_several_at_once_build_once(tmp_path: Path, export: FakeExport) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: built_model(tmp_path), range(4)))
    assert export.calls == 1
    assert set(folders) == {tmp_path / BUILD_FOLDER}


def test_not_built_where_building_is_not_wanted(tmp_path: Path, export: FakeExport) -> None:
    with pytest.raises(ModelMissingError, match="rag ingest"):
        built_model(tmp_path / "none", build=False)
    assert visible(tmp_path) == []
    assert export.calls == 0


def test_a_file_cut_short_is_noticed_at_once(tmp_path: Path, export: FakeExport) -> None:
    folder = built_model(tmp_path)
    (folder / DATA_FILE).write_text("weigh")
    with pytest.raises(ModelBuildError, match=f"{DATA_FILE} is missing or cut short.*delete that folder"):
        built_model(tmp_path)


def test_a_changed_file_is_noticed_by_its_checksum(tmp_path: Path, export: FakeExport) -> None:
    folder = built_model(tmp_path)
    (folder / DATA_FILE).write_text("WEIGHTS")
    built_model(tmp_path)
    assert verify_model(folder) == [f"{DATA_FILE} has changed since it was built"]


@pytest.mark.parametrize("manifest", [None, "", "{}", "no json"])
def test_no_manifest(tmp_path: Path, export: FakeExport, manifest: str | None) -> None:
    path = built_model(tmp_path) / "manifest.json"
    if manifest is None:
        path.unlink()
    else:
        path.write_text(manifest)
    with pytest.raises(ModelBuildError, match="manifest"):
        built_model(tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path: Path, export: FakeExport) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelBuildError):
        built_model(tmp_path / "file" / "cache")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_the_child_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stages are passed on, other output is not; when it fails, the last line it wrote is the reason."""
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho weights\necho noise\necho export\necho first >&2\necho the reason >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    seen: list[str] = []
    with pytest.raises(ModelBuildError, match="the reason"):
        built_model(tmp_path / "cache", lambda stage, done, total: seen.append(stage))
    assert seen == ["building the model: weights", "building the model: export"]
    assert visible(tmp_path / "cache") == []


def test_damaged_weights_are_told_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "e5-small-q4.bin"
    damaged.write_bytes(b"E5S1")
    monkeypatch.setattr(build, "find_weights", lambda: damaged)
    with pytest.raises(WeightsMissingError, match="checksum"):
        built_model(tmp_path / "cache")
    assert visible(tmp_path / "cache") == []
