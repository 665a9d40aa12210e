#!/usr/bin/env python3
"""Measure the activations, by which they become bytes: rag/models/activations.safetensors.

    python -m scripts.maintain.graphs --out FOLDER --float32 FOLDER/float32.onnx
    python -m scripts.maintain.activations --float32 FOLDER/float32.onnx

The float32 model reads news of many lengths and the paragraphs and questions of XQuAD that may be trained on, in
twelve languages; the reader reads questions with paragraphs of these and of DRCD. A range is where all but a thousandth
of the tokens have their least and largest value. Where a few channels are far larger than the others, in the
feed-forward layers, each is divided by max|inputs|^A / max|weights|^(1 - A) (Xiao et al. 2023, "SmoothQuant", ICML),
and the range is that of all channels then. The reader's have to be measured anew when it has been trained anew.
"""

import argparse
import random
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from rag.models.extra import models_or_exit

models_or_exit("scripts.maintain.activations")

from rag.models.encoder import feed
from rag.models.layout import ACTIVATIONS_FILE, EMBEDDER_FOLDER, PROMPTS, READER_FOLDER
from rag.models.numbers import INPUT_FACTOR, Floats, evened, fused_tensors
from rag.models.reading import lay_out
from rag.models.trained import read_trained
from rag.models.unigram import Unigram, write_unigram
from rag.models.weights import find_weights, read_weights
from rag.text import simplify
from scripts.corpora import DATA, LANGUAGES, ROOT, Paragraph, drcd, news, xquad
from scripts.maintain.rewrite import inputs_of_products

_CUT = 0.1  # per cent of the tokens, at each end
_EVENNESS = 0.75  # A above
_LEAST = 0.3  # of the usual size
_LENGTHS = (20, 40, 60, 120, 250, 500)  # characters
_MOST = 480  # tokens


def embedder_rows(data: Path, tokenizer: Unigram) -> Iterator[list[int]]:
    draw = random.Random(0)
    texts = [text for _, text in islice(news(data), 4000)]
    for text in draw.sample(texts, 48):
        yield tokenizer.encode(PROMPTS["passage"] + simplify(text[: draw.choice(_LENGTHS)]))
    for paragraph in _paragraphs(data):
        yield tokenizer.encode(PROMPTS["passage"] + simplify(paragraph.text))[:_MOST]
        yield tokenizer.encode(PROMPTS["query"] + simplify(paragraph.questions[0].text))


def reader_rows(data: Path, tokenizer: Unigram) -> Iterator[list[int]]:
    more = [one for one in drcd(data) if one.part == "train"][:240:20]
    for paragraph in (*_paragraphs(data), *more):
        for question in paragraph.questions[:2]:
            yield lay_out(tokenizer, question.text, paragraph.title, paragraph.text[:300]).ids


def _paragraphs(data: Path) -> Iterator[Paragraph]:
    for place, language in enumerate(LANGUAGES):
        found = [one for one in xquad(data, language) if one.part == "train"]
        yield from found[place :: len(found) // (6 if language == "zh" else 2)]


class Extremes:
    """What was seen of one activation: the least and the largest of each token, and of each channel."""

    def __init__(self) -> None:
        self.tokens: list[Floats] = []
        self.channels: Floats | None = None  # [2, channels]

    def see(self, values: Floats) -> None:
        """values [tokens, channels]"""
        self.tokens.append(np.stack([values.min(axis=1), values.max(axis=1)]))
        now = np.stack([values.min(axis=0), values.max(axis=0)])
        before = now if self.channels is None else self.channels
        self.channels = np.stack([np.minimum(before[0], now[0]), np.maximum(before[1], now[1])])

    def range(self) -> Floats:
        low, high = np.concatenate(self.tokens, axis=1)
        return _with_nothing(np.percentile(low, _CUT), np.percentile(high, 100 - _CUT))

    def evened(self, weights: Floats) -> tuple[Floats, Floats]:
        """The factors [channels] for these weights [channels, outputs], and the range after them."""
        assert self.channels is not None
        most = np.maximum(np.abs(self.channels).max(axis=0), 1e-3)
        size = most**_EVENNESS / np.maximum(np.abs(weights).max(axis=1), 1e-4) ** (1 - _EVENNESS)
        size /= np.exp(np.log(size).mean())
        # Channels in which nearly nothing was seen are not made so large that what they do hold is cut off.
        factors = (1 / np.maximum(size, _LEAST * np.median(size))).astype(np.float16).astype(np.float32)
        return factors, _with_nothing((self.channels[0] * factors).min(), (self.channels[1] * factors).max())


def _with_nothing(low: float, high: float) -> Floats:
    return np.array([min(0.0, low), max(0.0, high)], dtype=np.float32)


def measured(graph: Path, rows: Iterator[list[int]]) -> dict[str, Floats]:
    """As rag.models.numbers.read_activations gives them; `rows` of token ids."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    model = onnx.load(graph)
    products = inputs_of_products(model)
    weights = {one.name.removesuffix(".weight"): numpy_helper.to_array(one) for one in model.graph.initializer}
    for name in dict.fromkeys(products.values()):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    seen = {name: Extremes() for name in products}
    for row in rows:
        for name, values in zip(products, session.run(list(products.values()), feed([row])), strict=True):
            seen[name].see(values[0, : len(row)])
    found: dict[str, Floats] = {}
    for name, extremes in seen.items():
        found[name] = extremes.range()
        if evened(name):
            found[name + INPUT_FACTOR], found[name] = extremes.evened(weights[name])
    return found


def with_trained(graph: Path, out: Path) -> Path:
    """The float32 graph with the numbers that training changed for the reader."""
    import onnx
    from onnx import numpy_helper

    fused = fused_tensors(read_trained())
    model = onnx.load(graph)
    for one in model.graph.initializer:
        if one.name in fused:
            one.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(fused[one.name]), one.name))
    onnx.save(model, out)
    return out


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--float32", type=Path, required=True, metavar="FILE", help="as scripts.maintain.graphs wrote it"
    )
    options.add_argument("--data", type=Path, default=DATA)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.float32.parent) as scratch:
        weights = read_weights(find_weights())
        write_unigram(weights.vocabulary, weights.normaliser, Path(scratch))
        tokenizer = Unigram(Path(scratch))
        reader = with_trained(given.float32, Path(scratch) / "reader.onnx")
        found = {
            EMBEDDER_FOLDER: measured(given.float32, embedder_rows(given.data, tokenizer)),
            READER_FOLDER: measured(reader, reader_rows(given.data, tokenizer)),
        }
    kept = {f"{which}/{name}": values for which, one in found.items() for name, values in one.items()}
    half = {name: values.astype(np.float16) if name.endswith(INPUT_FACTOR) else values for name, values in kept.items()}
    save_file(half, ROOT / "rag" / "models" / ACTIVATIONS_FILE)


if __name__ == "__main__":
    main()
