"""The bundled reader on ONNX Runtime: which words of a passage answer a question, and in which sentence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.errors import ModelBuildError
from rag.models.encoder import feed, open_session
from rag.models.layout import HEAD_FILE, READER_FOLDER, READER_NAME
from rag.models.reading import lay_out, read_scores
from rag.models.unigram import Unigram
from rag.types import SentenceReading


class OnnxReader:
    """int8 reader; meets `rag.types.Reader`. May be used from several threads.

    It reads one passage on one core: several passages are read side by side by several threads, which is faster than
    one after the other on all cores, and what a passage gives never depends on its neighbours.
    """

    name = READER_NAME

    def __init__(self, folder: Path) -> None:
        """Load the built reader in `folder`. Raises ModelBuildError."""
        self._session = open_session(folder / READER_FOLDER, 1)
        try:
            self._tokenizer = Unigram(folder)
            head = np.load(folder / HEAD_FILE)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelBuildError(path=folder, reason=str(error)) from error
        self._weights, self._bias = head[:-1], head[-1]

    def read(
        self, question: str, context: str, text: str, sentences: Sequence[tuple[int, int]]
    ) -> tuple[SentenceReading, ...]:
        row = lay_out(self._tokenizer, question, context, text)
        hidden = np.asarray(self._session.run(None, feed([row.ids]))[0])[0, : len(row.ids)]
        return read_scores(row, sentences, hidden @ self._weights + self._bias)
