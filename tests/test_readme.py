"""Every command that the documentation shows is one that works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rag.settings import Settings
from rag.types import Embedder
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
QUALITY = (ROOT / "docs" / "quality.md").read_text("utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def shown(text: str, program: str) -> list[list[str]]:
    lines = [line for block in blocks("sh", text) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(program + " ")]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target, *_ in shown(README, "make") + shown(QUALITY, "make"):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_settings_named_are_settings() -> None:
    for name in re.findall(r"`RAG_([A-Z_]+)`", README):
        assert name.lower() in Settings.model_fields, name


@pytest.mark.model
def test_rag_commands_work(settings: Settings, embedder: Embedder) -> None:
    """In their order: the first one ingests."""
    environment = os.environ | {"RAG_STORE": str(settings.store)}
    commands = shown(README, "rag")
    assert len(commands) >= 8
    for arguments in commands:
        result = subprocess.run(
            [sys.executable, "-m", "rag", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)


@pytest.mark.model
def test_the_python_example_works(settings: Settings, embedder: Embedder, tmp_path: Path) -> None:
    (example,) = blocks("python")
    environment = os.environ | {"RAG_STORE": str(settings.store)}
    subprocess.run([sys.executable, "-m", "rag", "ingest", "-q", "seeds"], cwd=ROOT, env=environment, check=True)
    result = subprocess.run([sys.executable, "-c", example], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "53万套" in result.stdout, result.stderr
