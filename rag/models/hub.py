"""Any other embedding model: a SentenceTransformer by its folder, or by its hub name where it was downloaded before."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelUnavailableError
from rag.models.extra import need_models
from rag.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceTransformerEmbedder:
    """A SentenceTransformer on torch, with the prompts of its own configuration; meets `rag.types.Embedder`.

    Prompts are those named `query` and `passage` (or `document`); a model without them gets its texts bare. Texts are
    encoded one by one, so that a vector does not depend on its batch. A text over `max_tokens` is halved until its
    parts fit; its vector is the mean of theirs, weighted by their tokens.
    """

    def __init__(self, name: str, threads: int = 0) -> None:
        """Load `name` from this machine; the network is never asked. `threads` 0 leaves torch its own number.

        Raises ModelUnavailableError where it is not here or is no such model, ExtraMissingError without rag[models].
        """
        self._model = _load(name)
        if threads:
            import torch

            torch.set_num_threads(threads)
        self.dim = int(self._encode("").shape[0])
        self.max_tokens = int(self._model.max_seq_length or self._model.tokenizer.model_max_length)
        self.name = f"{Path(name).name if Path(name).exists() else name}@{self._digest()}"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        prompt = self._prompt("passage", "document")
        return [self._count(prompt + text) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(self._prompt("passage", "document"), texts)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(self._prompt("query"), texts)

    def across(self, questions: Vectors) -> Vectors:
        """As they are."""
        return questions

    def _prompt(self, *names: str) -> str:
        prompts = (self._model.prompts.get(name) for name in names)
        return next((prompt for prompt in prompts if prompt), "")

    def _count(self, text: str) -> int:
        return len(self._model.tokenizer(_whole(text), truncation=False, verbose=False)["input_ids"])

    def _embed(self, prompt: str, texts: Sequence[str]) -> Vectors:
        rows = [self._vector(prompt, text) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)

    def _vector(self, prompt: str, text: str) -> NDArray[np.float32]:
        parts = self._parts(prompt, text)
        vector = sum((self._count(part) * self._encode(prompt + part) for part in parts), np.float32(0))
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _parts(self, prompt: str, text: str) -> list[str]:
        if self._count(prompt + text) <= self.max_tokens or len(text) < 2:
            return [text]
        middle = len(text) // 2
        return self._parts(prompt, text[:middle]) + self._parts(prompt, text[middle:])

    def _encode(self, text: str) -> NDArray[np.float32]:
        vector = self._model.encode(_whole(text), prompt="", normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vector, dtype=np.float32)

    def _digest(self) -> str:
        """Tells two models of one name apart: a digest of all the small parameters (biases, scales)."""
        digest = hashlib.sha256()
        for name, parameter in sorted(self._model.named_parameters()):
            if parameter.ndim == 1:
                digest.update(name.encode() + parameter.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()[:12]


def _whole(text: str) -> str:
    """Half of a surrogate pair is no character; tokenizers refuse it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load(name: str) -> "SentenceTransformer":
    # The libraries would look for a name on the network, again and again, for over a minute. The variable is read when
    # they are first imported; local_files_only covers those that were imported before.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    need_models(f"RAG_EMBEDDER={name}", ("sentence_transformers", "torch"))
    if not _is_here(name):
        raise ModelUnavailableError(name=name, reason="neither a folder nor among the downloaded models")
    try:
        from sentence_transformers import SentenceTransformer

        model: SentenceTransformer = SentenceTransformer(name, device="cpu", local_files_only=True)
    except Exception as error:  # the loaders let through OSError, ValueError, KeyError, safetensors' own...
        raise ModelUnavailableError(name=name, reason="it holds no model that can be loaded") from error
    return model


def _is_here(name: str) -> bool:
    """Whether `name` is a folder or was downloaded; asked first, because importing torch takes seconds."""
    if Path(name).is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache

    try:
        names = (name, f"sentence-transformers/{name}")  # the second is what SentenceTransformer takes a bare name for
        return any(isinstance(try_to_load_from_cache(full, "config.json"), str) for full in names)
    except ValueError:  # not a name the hub could have
        return False
