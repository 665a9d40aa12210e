import time
from pathlib import Path

import pytest

from rag.errors import ModelUnavailableError
from rag.models import load_embedder
from rag.models.hub import SentenceTransformerEmbedder
from rag.settings import Settings


@pytest.mark.parametrize(
    "name", ["intfloat/multilingual-e5-base", "no-such-model", "a/b/c", "/no/such/folder", "含 空格"]
)
def test_a_model_that_is_not_here(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, at once, without asking the network (the fixture of all tests would fail it)."""
    started = time.perf_counter()
    with pytest.raises(ModelUnavailableError) as caught:
        load_embedder(Settings(embedder=name, cache=tmp_path))
    assert time.perf_counter() - started < 5
    message = str(caught.value)
    assert name in message
    assert "\n" not in message


@pytest.mark.model
def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailableError, match="no model that can be loaded"):
        SentenceTransformerEmbedder(str(tmp_path))


@pytest.mark.model
def test_prompts_come_from_its_configuration(float32: SentenceTransformerEmbedder) -> None:
    assert float32.count_tokens([""]) == [len(["<s>", "▁passage", ":", "▁", "</s>"])]
    assert float32.name.startswith("e5-small@")


@pytest.mark.model
def test_chosen_by_the_settings(model_folder: Path, float32: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    loaded = load_embedder(Settings(embedder=str(model_folder), cache=tmp_path, threads=2))
    assert isinstance(loaded, SentenceTransformerEmbedder)
    assert loaded.name == float32.name
    assert not list(tmp_path.iterdir())
