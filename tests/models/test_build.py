import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import ModelBuildError, ModelMissingError, WeightsMissingError
from rag.models import build
from rag.models.build import STAGES, build_name, built_model, verify_model
from rag.models.layout import (
    EMBEDDER_FOLDER,
    GRAPH_FILE,
    ORDER_FILE,
    PARITY_FILE,
    PIECES_FILE,
    READER_WEIGHTS_FILE,
)
from rag.models.numbers import packaged

DATA = f"{EMBEDDER_FOLDER}/data"


class FakeModels:
    """In place of `write_models`: two small files, or an error after the first."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: BaseException | None = None

    def __call__(self, target: Path, report: Callable[[str], None]) -> None:
        self.calls += 1
        report(STAGES[0])
        (target / PIECES_FILE).write_text("pieces")
        time.sleep(0.05)
        if self.error:
            raise self.error
        (target / DATA).parent.mkdir()
        (target / DATA).write_text("weights")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> FakeModels:
    fake = FakeModels()
    monkeypatch.setattr(build, "write_models", fake)
    return fake


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_builds_once_and_leaves_only_the_model(tmp_path: Path, models: FakeModels) -> None:
    cache = tmp_path / "new" / "cache"
    seen: list[tuple[str, int, int]] = []
    folder = built_model(cache, lambda *report: seen.append(report))
    assert built_model(cache) == folder
    assert models.calls == 1
    assert visible(cache) == [build_name()]
    assert visible(folder) == [EMBEDDER_FOLDER, "manifest.json", PIECES_FILE]
    assert verify_model(folder) == []
    assert seen[-1][1:] == (len(STAGES), len(STAGES))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_failure_midway_leaves_nothing(tmp_path: Path, models: FakeModels, error: BaseException) -> None:
    models.error = error
    expected = ModelBuildError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        built_model(tmp_path)
    assert visible(tmp_path) == []
    models.error = None
    assert verify_model(built_model(tmp_path)) == []


def test_a_failed_check_leaves_nothing_and_says_why(tmp_path: Path, models: FakeModels) -> None:
    models.error = ValueError("cosine to float32 is 0.9000, under 0.99")
    with pytest.raises(ModelBuildError, match=r"0\.9000"):
        built_model(tmp_path)
    assert visible(tmp_path) == []


def test_what_a_killed_build_left_is_cleared(tmp_path: Path, models: FakeModels) -> None:
    left = tmp_path / f".{build_name()}-killed"
    left.mkdir()
    (left / "half").write_text("x")
    built_model(tmp_path)
    assert visible(tmp_path) == [build_name()]


def test_several_at_once_build_once(tmp_path: Path, models: FakeModels) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: built_model(tmp_path), range(4)))
    assert models.calls == 1
    assert set(folders) == {tmp_path / build_name()}


def test_not_built_where_building_is_not_wanted(tmp_path: Path, models: FakeModels) -> None:
    with pytest.raises(ModelMissingError, match="rag ingest"):
        built_model(tmp_path / "none", build=False)
    assert visible(tmp_path) == []
    assert models.calls == 0


def test_a_file_cut_short_is_noticed_at_once(tmp_path: Path, models: FakeModels) -> None:
    folder = built_model(tmp_path)
    (folder / DATA).write_text("weigh")
    with pytest.raises(ModelBuildError, match=f"{DATA} is missing or cut short.*delete that folder"):
        built_model(tmp_path)


def test_a_changed_file_is_noticed_by_its_checksum(tmp_path: Path, models: FakeModels) -> None:
    folder = built_model(tmp_path)
    (folder / DATA).write_text("WEIGHTS")
    built_model(tmp_path)
    assert verify_model(folder) == [f"{DATA} has changed since it was built"]


@pytest.mark.parametrize("manifest", [None, "", "{}", "no json"])
def test_no_manifest(tmp_path: Path, models: FakeModels, manifest: str | None) -> None:
    path = built_model(tmp_path) / "manifest.json"
    if manifest is None:
        path.unlink()
    else:
        path.write_text(manifest)
    with pytest.raises(ModelBuildError, match="manifest"):
        built_model(tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path: Path, models: FakeModels) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelBuildError):
        built_model(tmp_path / "file" / "cache")


@pytest.mark.parametrize("changed", [GRAPH_FILE, ORDER_FILE, PARITY_FILE, READER_WEIGHTS_FILE])
def test_a_build_of_other_package_files_is_not_used(
    tmp_path: Path, models: FakeModels, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """As after an upgrade, or when the reader was trained anew: one byte is enough."""
    before = built_model(tmp_path)
    content = {changed: packaged(changed)[:-1] + bytes([packaged(changed)[-1] ^ 1])}
    monkeypatch.setattr(build, "packaged", lambda name: content.get(name) or packaged(name))
    build_name.cache_clear()
    try:
        with pytest.raises(ModelMissingError):
            built_model(tmp_path, build=False)
        after = built_model(tmp_path)
    finally:
        build_name.cache_clear()
    assert (models.calls, before.exists()) == (2, True)  # another installation may still run on it
    assert after != before


def test_damaged_weights_are_told_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "e5-small-q4.bin"
    damaged.write_bytes(b"E5S1")
    monkeypatch.setattr(build, "find_weights", lambda: damaged)
    with pytest.raises(WeightsMissingError, match="checksum"):
        built_model(tmp_path / "cache")
    assert visible(tmp_path / "cache") == []


@pytest.mark.model
def test_whoever_may_read_one_file_may_read_all(built: Path, tmp_path: Path) -> None:
    """A service may run as another user than the one that built: no file is for its owner only."""
    (tmp_path / "new").touch()
    (tmp_path / "folder").mkdir()
    new = {path.is_dir(): path.stat().st_mode for path in tmp_path.iterdir()}  # what the user's mask gives
    assert all(path.stat().st_mode == new[path.is_dir()] for path in (built, *built.rglob("*")))
