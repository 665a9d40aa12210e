"""`rag ingest --ray` on a real Ray of two workers on this machine; skipped where rag[ray] is not installed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rag.ingest.ray
from rag.assistant import fingerprint_of
from rag.cli import app
from rag.errors import (
    ClusterExtraMissingError,
    ClusterMismatchError,
    ClusterUnreachableError,
    OptionError,
    SettingError,
)
from rag.ingest import IngestReport, Way, ingest
from rag.ingest.ray import open_cluster
from rag.ingest.worker import Worker
from rag.settings import Settings
from rag.store import open_store
from rag.types import Store
from scripts.measure.scale import content
from tests.conftest import ROOT, FakeEmbedder
from tests.documents import corpus

needs_ray = [
    pytest.mark.skipif(find_spec("ray") is None, reason="rag[ray] is not installed: make ray"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
POISON = b"what kills whoever reads it\n"


class FakeWorker(Worker):
    _embedder = FakeEmbedder()  # type: ignore[assignment]

    def read(self, path, data):
        if data == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(path, data)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a Ray of two processors is to be found; this process is connected to it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_worker_niceness", "0")  # Ray's own is 15: on a busy machine tests would hardly move
    patch.setenv("RAY_agent_register_timeout_ms", "300000")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
    patch.undo()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Several formats, one of many documents, one in an archive; what cannot be read, and what is passed over."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for made in (corpus.text("utf-8", "a.txt"), corpus.markdown(), corpus.html(), corpus.word(), corpus.workbook()):
        (folder / made.name).write_bytes(made.data)
    for file in (ROOT / "seeds").glob("*"):
        shutil.copy(file, folder)
    records = [{"title": f"第{n}条", "text": f"第{n}家工厂去年生产了{n * 7}台机器。它在第{n}区。"} for n in range(90)]
    (folder / "many.jsonl").write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in records))
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7 and no more")
    (folder / "empty.txt").write_text("")
    (folder / "large.txt").write_text("x" * 1_100_000)
    (folder / ".hidden.txt").write_text("不读。")
    return folder


def run(folder: Path, store: str | Path, way: Way | None = None, **more) -> tuple[IngestReport, list]:
    """One ingest; its report, and all that the store then holds."""
    with open_store(store, fingerprint_of(FakeEmbedder()), write=True) as opened:
        report = ingest([folder], opened, FakeEmbedder(), base=folder.parent, limit_mb=1, way=way, **more)
        return report, everything(opened)


def everything(store: Store) -> list:
    held = [(path, one) for path in store.sources() for one in store.stored(path)]
    return [store.generation, [(path, one.document, one.passages, one.sentences, one.words) for path, one in held]] + [
        (one.vectors.tobytes(), one.sentence_vectors.tobytes(), one.embedded) for _, one in held
    ]


def told(report: IngestReport) -> list:
    return [report.added, report.updated, report.unchanged, report.removed, report.passed, report.passages] + [
        (path, str(error)) for path, error in report.failed
    ]


def cluster(address: str = "auto", **more):
    settings = Settings(max_file_mb=1)
    return open_cluster(address, FakeEmbedder(), settings, fields={}, kind=FakeWorker, **more)


class TestOnTwoWorkers:
    pytestmark = needs_ray

    def test_the_store_is_that_of_a_local_ingest(self, address: str, folder: Path, tmp_path: Path) -> None:
        here, stages = tmp_path / "here", []
        first = run(folder, here)
        with cluster(progress=lambda *told: stages.append(told)) as way:
            there = run(folder, tmp_path / "there", way)
            assert told(there[0]) == told(first[0])
            assert len(first[0].failed) == 3
            assert there[1] == first[1]
            assert content(tmp_path / "there") == content(here)
            again, held = run(folder, tmp_path / "there", way)
            assert not again.changed
            assert again.unchanged == first[0].added
            assert held == first[1]
            (folder / "a.txt").write_text("现在说的是别的事情，而且只有一句话。\n")
            (folder / "many.jsonl").unlink()
            changed = run(folder, tmp_path / "there", way)
            expected = run(folder, here)
            assert changed[0].updated == ["docs/a.txt"]
            assert told(changed[0]) == told(expected[0])
            assert changed[1] == expected[1]
        files = [one[2] for one in stages if one[0] == "read"]
        assert files[: len(set(files))] == sorted(set(files))
        assert {"read", "split", "embed"} == {one[0] for one in stages}

    def test_also_in_milvus(self, address: str, folder: Path, tmp_path: Path) -> None:
        pytest.importorskip("milvus_lite")
        with cluster() as way:
            there = run(folder, f"milvus://{tmp_path}/store.db", way)
        here = run(folder, tmp_path / "here")
        assert told(there[0]) == told(here[0])
        assert there[1][1:] == here[1][1:]

    def test_workers_that_are_killed_lose_nothing(self, address: str, folder: Path, tmp_path: Path) -> None:
        killed: list[int] = []

        def kill(stage: str, *_: object) -> None:
            if stage == "embed" and not killed:
                killed.extend(workers())
                for one in killed:
                    os.kill(one, signal.SIGKILL)

        with cluster(progress=kill) as way:
            there = run(folder, tmp_path / "there", way)
        assert len(killed) == 2
        here = run(folder, tmp_path / "here")
        assert told(there[0]) == told(here[0])
        assert there[1] == here[1]

    def test_a_file_that_kills_its_worker_costs_itself_alone(self, address: str, tmp_path: Path) -> None:
        folder = tmp_path / "docs"
        folder.mkdir()
        (folder / "a.txt").write_text("第一句话在这里。\n")
        (folder / "b.txt").write_bytes(POISON)
        (folder / "c.txt").write_text("第二句话在那里。\n")
        with cluster() as way:
            report, _ = run(folder, tmp_path / "store", way)
        assert report.added == ["docs/a.txt", "docs/c.txt"]
        assert [(path, type(error).__name__) for path, error in report.failed] == [("docs/b.txt", "ReaderCrashedError")]

    def test_other_versions_are_refused(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = rag.ingest.ray.versions
        monkeypatch.setattr(rag.ingest.ray, "versions", lambda embedder: real(embedder) | {"rag": "9.9"})
        with pytest.raises(ClusterMismatchError, match=r"its workers have rag 0\.\S+, but this is 9\.9;"):
            opened("auto")

    @pytest.mark.model
    def test_the_command_with_the_real_model(self, address: str, ingested: Path, tmp_path: Path) -> None:
        store = tmp_path / "vectorstore"
        command = [sys.executable, "-m", "rag", "ingest", "--quiet", "--ray", address, "--store", str(store)]
        result = subprocess.run([*command, str(ROOT / "seeds")], capture_output=True, text=True)
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        assert content(store) == content(ingested)


def workers() -> list[int]:
    """Their process ids."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cmdline").read_bytes().startswith(b"ray::FakeWorker"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ingest", *arguments, str(ROOT / "seeds")])
    assert isinstance(result.exception, OptionError)
    assert result.exception.exit_code == 2
    return str(result.exception)


@pytest.mark.parametrize("other", ["--watch", "--dry-run"])
def test_what_does_not_go_with_it_is_refused(other: str) -> None:
    assert "--ray: is for one run" in refused("--ray", "auto", other)


def opened(address: str) -> None:
    with cluster(address):
        pass


def test_what_is_missing_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag.ingest.ray, "find_spec", lambda name: None)
    with pytest.raises(ClusterExtraMissingError, match=r"pip install '\.\[ray\]'"):
        opened("auto")


def test_a_cluster_that_is_not_there_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag.ingest.ray, "find_spec", lambda name: object())
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(
            ClusterUnreachableError, match=rf"^{address}: no Ray cluster to work on \(Connection refused\)"
        ):
            opened(address)
    for address in ("somewhere", "http://h:8265/x", "h:port", ":6379"):
        with pytest.raises(SettingError, match="HOST:PORT"):
            opened(address)
