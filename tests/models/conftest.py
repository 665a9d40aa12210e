import subprocess
from pathlib import Path

import pytest

from rag.models.build import built_model
from rag.models.bundled import write_model_folder
from rag.models.hub import SentenceTransformerEmbedder
from rag.models.unigram import Unigram
from rag.models.weights import Weights, find_weights, read_weights
from rag.settings import Settings

from .engine import Engine


@pytest.fixture(scope="session")
def weights() -> Weights:
    return read_weights(find_weights())


@pytest.fixture(scope="session")
def built(settings: Settings) -> Path:
    return built_model(settings.cache)


@pytest.fixture(scope="session")
def unigram(built: Path) -> Unigram:
    return Unigram(built)


@pytest.fixture(scope="session")
def model_folder(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged weights as a standard float32 folder."""
    folder = tmp_path_factory.mktemp("models") / "e5-small"
    folder.mkdir()
    write_model_folder(weights, folder)
    return folder


@pytest.fixture(scope="session")
def float32(model_folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(model_folder))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    try:
        return Engine(tmp_path_factory.mktemp("engine"))
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"the reference engine cannot be compiled here: {error}")
