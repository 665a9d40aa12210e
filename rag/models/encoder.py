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


class OnnxEmbedder:
    """int8 multilingual-e5-small; meets `rag.types.Embedder`. May be used from several threads.

    A text is encoded by itself, never in a batch: activations are quantised by the range of the whole batch, so batch
    mates would change its vector (cosine 0.998, as much as int8 itself costs), and the same text must give the same
    bytes wherever it stands. Instead each core takes a text of its own, which is as fast as batches of whole passages.

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
        return self._embed(PROMPTS["passage"], texts)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(PROMPTS["query"], texts)

    def across(self, questions: Vectors) -> Vectors:
        """By a linear map that scripts/train/across.py fitted for questions over Chinese text."""
        moved = questions @ self._map[:-1] + self._map[-1]
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)

    def _embed(self, prompt: str, texts: Sequence[str]) -> Vectors:
        if len(texts) == 1 or self._threads == 1:
            rows = [self._vector(prompt + text, self._together) for text in texts]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                rows = list(pool.map(lambda text: self._vector(prompt + text, self._apart), texts))
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)

    def _vector(self, text: str, session: onnxruntime.InferenceSession) -> NDArray[np.float32]:
        return _pool(self._read(self._tokenizer.encode(text), session))

    def _read(self, ids: list[int], session: onnxruntime.InferenceSession) -> list[NDArray[np.float32]]:
        """The last layer for each window of a text: float32 [tokens, dim], <s> and </s> of the window included."""
        first, *content, last = ids
        size = MAX_TOKENS - 2
        windows = []
        for start in range(0, max(len(content), 1), size):
            row = feed([first, *content[start : start + size], last])
            windows.append(np.asarray(session.run(None, row)[0])[0])
        return windows

    @cached_property
    def _apart(self) -> onnxruntime.InferenceSession:
        """For many texts, each on one core."""
        return open_session(self._folder / EMBEDDER_FOLDER, 1)


def feed(ids: Sequence[int]) -> dict[str, NDArray[np.int64]]:
    """What a graph takes in for one row of token ids."""
    row = np.array([ids], dtype=np.int64)
    return {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}


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


def _pool(windows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of the windows' means, weighted by their tokens without <s> and </s>; unit length, [dim]."""
    return _unit(np.sum([max(len(window) - 2, 1) * window.mean(axis=0) for window in windows], axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
