"""Speed, measured here and now, each thing beside what it is compared with.

    python -m scripts.measure.benchmark encode [--repetitions 5] [--json]

Engines take turns, so that a busy machine is busy for all of them; the ratio of each turn is taken, then the median.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.models.extra import models_or_exit

models_or_exit("scripts.measure.benchmark")

import numpy as np
from rich.console import Console
from rich.table import Table

from rag.documents import passage_text, read_documents, split_document
from rag.models import built_model
from rag.models.bundled import write_model_folder
from rag.models.encoder import OnnxEmbedder
from rag.models.layout import PROMPTS
from rag.models.weights import find_weights, read_weights
from rag.settings import load_settings
from rag.types import Embedder, Vectors

SEEDS = Path(__file__).parents[2] / "seeds"

QUESTIONS = (
    "去年全市地区生产总值是多少？",
    "谁主持了这次会议？",
    "一般公共预算收入比上年增长了百分之几？",
    "公司的注册地址在哪里？",
    "项目什么时候完工？",
    "What did the committee decide about next year's budget?",
    "两年的利润总额相差多少？",
    "居民人均可支配收入达到了多少元，增速如何？",
)

START = {
    "int8 ONNX": "import pathlib, rag.models.encoder as e; e.OnnxEmbedder(pathlib.Path({folder!r}))",
    "sentence-transformers": "import sentence_transformers as s; s.SentenceTransformer({folder!r}, device='cpu')",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """One engine's figures; medians of the repetitions."""

    engine: str
    tokens_per_second: float
    question_ms: float
    start_s: float  # a new Python process, import and load


@dataclass(frozen=True, slots=True)
class EncodeReport:
    passages: int
    tokens: int
    repetitions: int
    cores: int
    engines: list[Encoding]  # ours first
    throughput_ratio: float  # ours to theirs, higher is better
    question_ratio: float  # ours to theirs, lower is better
    cosine_mean: float  # ours to theirs, over the passages
    cosine_min: float


def seed_passages(embedder: Embedder) -> list[str]:
    """The passages of the sample corpus, as ingesting would embed them."""
    texts = []
    for file in sorted(SEEDS.glob("*.txt")):
        for document in read_documents(file, file.name, limit_mb=100):
            passages, _ = split_document(document, embedder.count_tokens, embedder.max_tokens)
            texts += [passage_text(document, passage) for passage in passages]
    return texts


def encode(repetitions: int) -> EncodeReport:
    """The bundled int8 model against sentence-transformers (torch) on the same weights in float32."""
    from sentence_transformers import SentenceTransformer

    settings = load_settings()
    folder = built_model(settings.cache)
    ours = OnnxEmbedder(folder, settings.threads)
    texts = seed_passages(ours)
    tokens = sum(ours.count_tokens(texts))
    with tempfile.TemporaryDirectory() as temporary:
        write_model_folder(read_weights(find_weights()), Path(temporary))
        theirs = SentenceTransformer(temporary, device="cpu", local_files_only=True)

        def torch_encode(prompt: str) -> Callable[[Sequence[str]], Vectors]:
            return lambda batch: np.asarray(theirs.encode(list(batch), prompt=prompt, show_progress_bar=False))

        passages = {"int8 ONNX": ours.embed_passages, "sentence-transformers": torch_encode(PROMPTS["passage"])}
        questions = {"int8 ONNX": ours.embed_questions, "sentence-transformers": torch_encode(PROMPTS["query"])}
        vectors = {name: embed(texts) for name, embed in passages.items()}  # warm-up and comparison in one
        rates: dict[str, list[float]] = {name: [] for name in passages}
        waits: dict[str, list[float]] = {name: [] for name in passages}
        for _ in range(repetitions):
            for name in passages:
                rates[name].append(tokens / _seconds(lambda name=name: passages[name](texts)))  # type: ignore[misc]
                single = [_seconds(lambda name=name, q=q: questions[name]([q])) for q in QUESTIONS]  # type: ignore[misc]
                waits[name].append(1000 * statistics.median(single))
        starts = {"int8 ONNX": _start("int8 ONNX", folder)}
        starts["sentence-transformers"] = _start("sentence-transformers", Path(temporary))

    mine, other = passages
    cosines = (vectors[mine] * vectors[other]).sum(axis=1)
    return EncodeReport(
        passages=len(texts),
        tokens=tokens,
        repetitions=repetitions,
        cores=os.cpu_count() or 1,
        engines=[
            Encoding(name, statistics.median(rates[name]), statistics.median(waits[name]), starts[name])
            for name in passages
        ],
        throughput_ratio=statistics.median(a / b for a, b in zip(rates[mine], rates[other], strict=True)),
        question_ratio=statistics.median(a / b for a, b in zip(waits[mine], waits[other], strict=True)),
        cosine_mean=float(cosines.mean()),
        cosine_min=float(cosines.min()),
    )


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _start(engine: str, folder: Path) -> float:
    """Median of three new processes."""
    command = [sys.executable, "-c", START[engine].format(folder=str(folder))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"}
    run = lambda: subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: E731
    return statistics.median(_seconds(run) for _ in range(3))


def show(report: EncodeReport) -> None:
    table = Table(title=f"{report.passages} passages, {report.tokens} tokens, {report.cores} cores")
    table.add_column("engine, same weights")
    for title in ("passages, tokens/s", "one question, ms", "start, s"):
        table.add_column(title, justify="right")
    for row in report.engines:
        table.add_row(row.engine, f"{row.tokens_per_second:,.0f}", f"{row.question_ms:.1f}", f"{row.start_s:.2f}")
    table.add_row("ratio", f"{report.throughput_ratio:.2f}", f"{report.question_ratio:.3f}", "", style="bold")
    console = Console()
    console.print(table)
    console.print(f"cosine between the two: mean {report.cosine_mean:.4f}, least {report.cosine_min:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("encode", help="the embedding model against sentence-transformers on the same weights")
    one.add_argument("--repetitions", type=int, default=5)
    one.add_argument("--json", action="store_true", help="figures for programs")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    report = encode(arguments.repetitions)
    if arguments.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
