"""Clients that others wrote, as they are: each in a process of its own, from `make clients`; skipped without that."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.server.conftest import SALES
from tests.server.running import Running

CLIENTS = ROOT / ".venv-clients"


@pytest.fixture(scope="module")
def expected(fake: Running) -> dict:
    body = {"model": "rag", "messages": [{"role": "user", "content": SALES}]}
    with fake.client() as http:
        return http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]


def run(command: list[str | Path], *, cwd: Path, script: str = "", **environment: str) -> str:
    """What a client prints. It is told of no other service, and finds no settings of this machine's user."""
    bare = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper() and name != "PYTHONPATH"}
    result = subprocess.run(
        command,
        input=script,
        cwd=cwd,
        env=bare | {"HOME": str(cwd)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def python(module: str, package: str) -> Path:
    folder, *_ = module.split(".")
    if not list(CLIENTS.glob(f"lib/python*/site-packages/{folder}")):
        pytest.skip(f"{package} is not installed; run: make clients")
    return CLIENTS / "bin" / "python"


def test_langchain(fake: Running, expected: dict, tmp_path: Path) -> None:
    script = f"""
import json
from langchain_openai import ChatOpenAI
model = ChatOpenAI(base_url="{fake.url}/v1", api_key="none", model="rag", temperature=0)
messages = [("system", "Answer."), ("human", "{SALES}")]
chunks = list(model.stream(messages))
print(json.dumps([model.invoke(messages).content, "".join(chunk.content for chunk in chunks)]))
"""
    found = run([python("langchain_openai", "langchain-openai"), "-"], cwd=tmp_path, script=script)
    assert json.loads(found) == [expected["content"]] * 2


def test_llama_index(fake: Running, expected: dict, tmp_path: Path) -> None:
    script = f"""
import json
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike
model = OpenAILike(model="rag", api_base="{fake.url}/v1", api_key="none", is_chat_model=True)
messages = [ChatMessage(role="user", content="{SALES}")]
whole = model.chat(messages)
streamed = "".join(chunk.delta or "" for chunk in model.stream_chat(messages))
print(json.dumps([whole.message.content, streamed, model.complete("{SALES}").text]))
"""
    found = run([python("llama_index.llms.openai_like", "llama-index"), "-"], cwd=tmp_path, script=script)
    assert json.loads(found) == [expected["content"]] * 3


def test_llm(fake: Running, expected: dict, tmp_path: Path) -> None:
    interpreter = python("llm", "llm")
    models = [{"model_id": "documents", "model_name": "rag", "api_base": f"{fake.url}/v1"}]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))  # JSON is YAML
    for option in ("--no-stream", "--log"):
        found = run(
            [interpreter, "-m", "llm", "prompt", "-m", "documents", option, SALES],
            cwd=tmp_path,
            LLM_USER_PATH=str(tmp_path),
        )
        assert found.strip() == expected["content"]


def test_the_openai_client_of_npm(fake: Running, expected: dict, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (CLIENTS / "node" / "node_modules" / "openai").exists():
        pytest.skip("the npm package openai is not installed; run: make clients")
    script = f"""
import OpenAI from "openai";
const client = new OpenAI({{baseURL: "{fake.url}/v1", apiKey: "none"}});
const asked = {{model: "rag", messages: [{{role: "user", content: "{SALES}"}}]}};
const whole = (await client.chat.completions.create(asked)).choices[0].message;
let content = "", last;
for await (const chunk of await client.chat.completions.create({{...asked, stream: true}})) {{
  content += chunk.choices[0].delta.content ?? "";
  last = chunk.choices[0];
}}
const models = (await client.models.list()).data.map((model) => model.id);
let refused;
try {{ await client.chat.completions.create({{...asked, n: 2}}); }}
catch (error) {{ refused = [error.status, error.param]; }}
console.log(JSON.stringify({{whole, content, last, models, refused}}));
"""
    found = json.loads(run([node, "--input-type=module", "-"], cwd=CLIENTS / "node", script=script))
    assert found["whole"] == expected
    assert found["content"] == expected["content"]
    assert found["last"]["finish_reason"] == "stop"
    assert found["last"]["delta"] == {name: expected[name] for name in ("annotations", "context")}
    assert found["models"] == ["rag"]
    assert found["refused"] == [400, "n"]
