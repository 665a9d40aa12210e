"""Floors just under today's figures (docs/quality.md): a change that makes answers worse does not pass unseen."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rag.settings import Settings

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture
def own(settings: Settings, ingested: Path, tmp_path: Path) -> Settings:
    """With a store of the seeds that no other test has put anything into."""
    return settings.model_copy(update={"store": shutil.copytree(ingested, tmp_path / "vectorstore")})


def evaluate(settings: Settings, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", "rag", "eval", "--quiet", *map(str, arguments)]
    environment = os.environ | {"RAG_STORE": str(settings.store), "RAG_CACHE": str(settings.cache)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr


def floors(**least: float) -> list[str]:
    names = {"document": "document@1", "sentence": "sentence@1", "recall": "recall@5"}
    return [part for name, value in least.items() for part in ("--fail-under", f"{names.get(name, name)}={value}")]


def test_the_seeds_test_half(own: Settings, seeds: Path) -> None:
    least = floors(verbatim=1.0, document=0.96, recall=0.93, answer_accuracy=0.59, abstention_recall=0.82)
    evaluate(own, seeds / "qa.jsonl", "--split", "test", *least)


def test_a_fixed_sample_of_xquad(own: Settings, data: Path) -> None:
    least = floors(verbatim=1.0, document=0.92, recall=0.96, sentence=0.84)
    evaluate(own, data / "xquad" / "xquad.zh.json", "--sample", "50", *least)
    crossed = ["--documents", data / "xquad" / "xquad.zh.json", "--sample", "50"]
    evaluate(own, data / "xquad" / "xquad.en.json", *crossed, *floors(verbatim=1.0, document=0.8, recall=0.88))


def test_follow_ups_of_the_development_half(own: Settings, seeds: Path, tmp_path: Path) -> None:
    """Over the seeds: data of no other set lies in `tmp_path`."""
    environment = os.environ | {"RAG_STORE": str(own.store), "RAG_CACHE": str(own.cache)}
    command = [sys.executable, "-m", "scripts.measure.conversations", "--json", "--data", str(tmp_path)]
    command += ["--split", "dev", "--pairs", "20"]
    result = subprocess.run(command, cwd=seeds.parent, env=environment, capture_output=True, text=True, check=True)
    figures = json.loads(result.stdout)["figures"]["dev"]["seeds"]
    assert figures["follow-ups"] == 41
    assert figures["alone"] >= 30
    assert figures["kept"] >= 0.79
    assert figures["changes"] >= 30
    assert figures["lost"] <= 0.02
