"""The engine that the packaged weights come with, compiled from its own source: the oracle for tokens and vectors."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.models.weights import find_weights
from rag.types import Vectors

# The source shows no function for token ids; it keeps one for itself, which a file that includes it can call.
SHIM = """
#include "e5.c"
int shim_tokens(e5_model *model, const char *text, int *ids, int room) {
    return tok_content(&model->tok, text, ids, room);
}
"""


class Engine:
    """A text may not hold NUL: in C it would end there."""

    def __init__(self, folder: Path) -> None:
        """Compile into `folder`. Raises FileNotFoundError without a C compiler, CalledProcessError where it fails."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise FileNotFoundError("no C compiler (cc) here")
        weights = find_weights()
        source, library = folder / "shim.c", folder / "engine.so"
        source.write_text(SHIM)
        options = ["-O3", "-march=native", "-fopenmp", "-w", "-shared", "-fPIC", f"-I{weights.parent}"]
        subprocess.run([compiler, *options, str(source), "-o", str(library), "-lm"], check=True, capture_output=True)
        self._library = ctypes.CDLL(str(library))
        self._library.e5_load.restype = ctypes.c_void_p
        self._library.e5_load.argtypes = [ctypes.c_char_p]
        floats = ctypes.POINTER(ctypes.c_float)
        self._library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, floats]
        ints = ctypes.POINTER(ctypes.c_int)
        self._library.shim_tokens.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ints, ctypes.c_int]
        self._model = self._library.e5_load(str(weights).encode())

    def tokens(self, text: str) -> list[int]:
        """Ids without <s> and </s>; no prefix is added."""
        data = text.encode()
        room = 20 * len(data) + 4  # the normaliser makes up to 18 characters of one
        ids = (ctypes.c_int * room)()
        return ids[: self._library.shim_tokens(self._model, data, ids, room)]

    def embed(self, texts: Sequence[str], query: bool = False) -> Vectors:
        """float32 [n, 384]; the prefix is added."""
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            self._library.e5_embed(
                self._model, text.encode(), int(query), row.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            )
        return vectors
