"""Every command that the documentation shows is one that works."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag.cli import app
from rag.server.settings import ServerSettings
from rag.settings import Settings
from rag.store.milvus import parse_address
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
SCALING = (ROOT / "docs" / "scaling.md").read_text("utf-8")
QUALITY = (ROOT / "docs" / "quality.md").read_text("utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def shown(text: str, program: str) -> list[list[str]]:
    lines = [line for block in blocks("sh", text) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(program + " ")]


@pytest.mark.parametrize(
    "text", [README, CHINESE, CONTRIBUTING, CHANGELOG], ids=["en", "zh", "contributing", "changes"]
)
def test_links_lead_somewhere(text: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert text == CHANGELOG or targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_both_languages_show_the_same_commands() -> None:
    """So that running those of one is running those of both; comments and other words differ."""
    for program in ("rag", "make"):
        assert shown(README, program) == shown(CHINESE, program)
    for language in ("python", "console"):
        assert blocks(language, README) == blocks(language, CHINESE)
    assert set(re.findall(r"`(?:rag|RAG_)[^`]*`", README)) <= set(re.findall(r"`(?:rag|RAG_)[^`]*`", CHINESE))
    assert "(README.zh-CN.md)" in README
    assert "(README.md)" in CHINESE


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for targets in shown(README, "make") + shown(QUALITY, "make") + shown(CONTRIBUTING, "make"):
        for target in (word for word in targets if "=" not in word):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_settings_named_are_settings() -> None:
    for name in re.findall(r"`RAG_([A-Z_]+)`", README + CHINESE):
        assert name.lower() in Settings.model_fields, name
    for name in re.findall(r"RAG_([A-Z_]+)", SCALING):
        assert name.lower() in ServerSettings.model_fields, name


def test_what_the_page_about_scaling_shows_is_understood() -> None:
    """tests/store runs the copy, an address of each kind and the proxy; the rest is as in the README."""
    commands = shown(SCALING, "rag")
    assert len(commands) >= 3
    for arguments in commands:
        result = CliRunner().invoke(app, [*arguments, "--help"])
        assert result.exit_code == 0, (arguments, result.output)
        for address in (word for word in arguments if "://" in word):
            assert str(parse_address(address)) == f"{address}/rag"


@pytest.mark.model
def test_rag_commands_work(filled: Settings) -> None:
    """In their order: the first one ingests."""
    environment = os.environ | {"RAG_STORE": str(filled.store)}
    commands = shown(README, "rag")
    assert len(commands) >= 8
    for arguments in commands:
        # Without the reader, 116 questions are not half a minute; what it answers is measured in test_quality.py.
        fast = {"RAG_MODE": "fast"} if arguments[0] == "eval" else {}
        result = subprocess.run(
            [sys.executable, "-m", "rag", *arguments],
            cwd=ROOT,
            env=environment | fast,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)


@pytest.mark.model
def test_the_python_example_works(ingested: Path, tmp_path: Path) -> None:
    (example,) = blocks("python")
    store = tmp_path / "vectorstore"  # of its own: the example adds to it
    shutil.copytree(ingested, store)
    environment = os.environ | {"RAG_STORE": str(store)}
    result = subprocess.run([sys.executable, "-c", example], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "53万套" in result.stdout, result.stderr
    assert "answered 例会定于星期五上午九点举行。" in result.stdout
