"""What docs/server.md says of the server is so."""

import json
import re
import shutil
import subprocess

import pytest

from rag.server.settings import ServerSettings
from tests.conftest import ROOT
from tests.server.running import Running
from tests.server.test_schema import OPERATIONS

TEXT = (ROOT / "docs" / "server.md").read_text("utf-8")


def test_settings_named_are_settings() -> None:
    named = set(re.findall(r"RAG_([A-Z_]+)", TEXT))
    assert len(named) > 15
    assert {name.lower() for name in named} <= set(ServerSettings.model_fields)


def test_defaults_are_the_defaults() -> None:
    fields = ServerSettings.model_fields
    for names, values in re.findall(r"^\| (`RAG_.*?) \| (.*?) \|", TEXT, flags=re.MULTILINE):
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", values)]
        for name, number in zip(re.findall(r"RAG_([A-Z_]+)", names), numbers, strict=False):
            assert fields[name.lower()].default == number, name


def test_routes_named_are_routes() -> None:
    routes = {(method, re.sub(r"\{.*?\}", "{}", path)) for method, path in OPERATIONS}
    for method, path in re.findall(r"`(GET|POST|DELETE) (/[^`?]*)", TEXT):
        assert (method, re.sub(r"\{.*?\}", "{}", path)) in routes, path


def test_curl_commands_work(fake: Running) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl")]
    assert len(commands) == 5
    for command in commands:
        command = command.replace("http://127.0.0.1:8000", fake.url)
        result = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        if "-sN" in command:
            assert "event: done" in result.stdout
        else:
            told = json.loads(result.stdout)
            assert told.get("status") in ("answered", None), told
            assert "error" not in told
