"""The bundled embedding model on ONNX Runtime: answering never imports torch."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelBuildError
from rag.models.layout import EMBEDDER_FOLDER, EMBEDDER_NAME, GRAPH_FILE, MAX_TOKENS, PROMPTS, QUESTION_MAP_FILE
from rag.models.numbers import packaged
from rag.models.unigram import Unigram
from rag.types import Vectors

# Its official builds give the machine an identifier and report their use over the network, unless this is set before
# they are loaded (see its Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

_SHORT = 96  # tokens; a longer text gains nothing from company
_STEP = 8  # tokens that a short passage may be filled up by, less one
_TOGETHER = 512  # tokens of short texts in a call


class OnnxEmbedder:
    """int8 multilingual-e5-small; meets `rag.types.Embedder`. May be used from several threads.

    The same text gives the same bytes wherever it stands. Activations become bytes by fixed ranges, so texts that share
    a call do not meet in them. Short texts of about the same length share one, since a third to a half of what one of
    them takes alone is fetching the weights; a long text has a call of its own. Each core takes calls of its own. A
    question comes alone, and so is not filled up: each token more would be waited for.

    A text over `max_tokens` is read in windows and none of it is lost: its vector is the mean of the windows' means,
    weighted by their tokens, as in the engine that the weights come with.
    """

    name = EMBEDDER_NAME
    max_tokens = MAX_TOKENS

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Load the built model in `folder`; `threads` 0 means all cores. Raises ModelBuildError."""
        self._folder = folder
        self._threads = threads or os.cpu_count() or 1
        self._together = open_session(folder / EMBEDDER_FOLDER, self._threads)
        self.dim = int(self._together.get_outputs()[0].shape[-1])
        self._map = np.load(io.BytesIO(packaged(QUESTION_MAP_FILE))).astype(np.float32)
        try:
            self._tokenizer = Unigram(folder)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelBuildError(path=folder, reason=str(error)) from error

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self._tokenizer.encode(PROMPTS["passage"] + text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(PROMPTS["passage"], texts, _STEP)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(PROMPTS["query"], texts, 1)

    def across(self, questions: Vectors) -> Vectors:
        """By a linear map that scripts/train/across.py fitted for questions over Chinese text. A last vector is added
        that raises all cosines alike, to those with text that is not Chinese."""
        moved = questions @ self._map[:-2] + self._map[-2]
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved + self._map[-1], dtype=np.float32)

    def _embed(self, prompt: str, texts: Sequence[str], step: int) -> Vectors:
        windows = [_windows(self._tokenizer.encode(prompt + text)) for text in texts]
        rows = [row for one in windows for row in one]
        means = self._means(rows, step)
        weights = np.array([[max(len(row) - 2, 1)] for row in rows], dtype=np.float32)
        ends = np.cumsum([len(one) for one in windows], dtype=int)
        sums = [(weights[a:b] * means[a:b]).sum(axis=0) for a, b in zip([0, *ends], ends, strict=False)]
        return np.array([_unit(one) for one in sums], dtype=np.float32).reshape(len(texts), self.dim)

    def _means(self, rows: Sequence[Sequence[int]], step: int) -> NDArray[np.float32]:
        """The last layer's mean over the tokens of each row, <s> and </s> included: [rows, dim]. `step`: see
        `together`."""
        means = np.empty((len(rows), self.dim), dtype=np.float32)

        def read(batch: Sequence[int], session: onnxruntime.InferenceSession) -> None:
            hidden = np.asarray(session.run(None, feed([rows[place] for place in batch], step))[0])
            for place, layer in zip(batch, hidden, strict=True):
                means[place] = layer[: len(rows[place])].mean(axis=0)

        batches = together([len(row) for row in rows], step)
        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                read(batch, self._together)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(lambda batch: read(batch, self._apart), batches))
        return means

    @cached_property
    def _apart(self) -> onnxruntime.InferenceSession:
        """For many texts, each on one core."""
        return open_session(self._folder / EMBEDDER_FOLDER, 1)


def together(lengths: Sequence[int], step: int) -> list[list[int]]:
    """Which rows share a call, by their places, given their tokens; the longest come first.

    A row over _SHORT tokens is read alone. A shorter one is filled up to a multiple of `step`, whether it has company
    or not: what it gives must depend on its own length only.
    """
    short: dict[int, list[int]] = {}
    batches = []
    for place, length in enumerate(lengths):
        if length > _SHORT:
            batches.append([place])
        else:
            short.setdefault(_filled(length, step), []).append(place)
    for length, places in sorted(short.items(), reverse=True):
        most = _TOGETHER // length
        batches += [places[start : start + most] for start in range(0, len(places), most)]
    return batches


def _filled(length: int, step: int) -> int:
    return -(-length // step) * step if length <= _SHORT else length


def feed(rows: Sequence[Sequence[int]], step: int = 1) -> dict[str, NDArray[np.int64]]:
    """What a graph takes in for rows of token ids, which share a length when filled up to a multiple of `step`."""
    ids = np.zeros((len(rows), _filled(max(map(len, rows)), step)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def open_session(folder: Path, threads: int) -> onnxruntime.InferenceSession:
    """The graph in `folder` with the numbers beside it, run by `threads` threads. Raises ModelBuildError."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.use_deterministic_compute = True
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it was saved optimised
    try:
        return onnxruntime.InferenceSession(str(folder / GRAPH_FILE), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise ModelBuildError(path=folder.parent, reason=str(error)) from error


def _windows(ids: list[int]) -> list[list[int]]:
    """A text's tokens as rows that the encoder can read: each with the text's <s> and </s>, and none of it lost."""
    first, *content, last = ids
    size = MAX_TOKENS - 2
    return [[first, *content[start : start + size], last] for start in range(0, max(len(content), 1), size)]


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
