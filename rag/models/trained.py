"""The numbers that training changed, as they are kept with the package: int8 matrices with one scale a row.

Everything that training left alone (word embeddings, lowest layers) comes from the packaged weights.
scripts/train/reader.py writes the file; rag.models.build makes the reader from it.
"""

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from rag.models.layout import READER_WEIGHTS_FILE

Tensors = Mapping[str, NDArray[np.float32]]
HEAD = ("head.weight", "head.bias")  # [3, hidden] and [3]: answer begins, answer ends, sentence answers
_SCALE = ".scale"


def write_trained(tensors: Tensors, path: Path, metadata: Mapping[str, str]) -> None:
    """Keep `tensors` in `path`: matrices as int8, largest value of each row 127; the rest and the head in float32."""
    kept: dict[str, NDArray[np.generic]] = {}
    for name, values in tensors.items():
        if values.ndim == 2 and name not in HEAD:
            scale = np.abs(values).max(axis=1) / 127
            scale[scale == 0] = 1.0
            kept[name] = np.round(values / scale[:, None]).astype(np.int8)
            kept[name + _SCALE] = scale.astype(np.float32)
        else:
            kept[name] = np.ascontiguousarray(values, dtype=np.float32)
    save_file(kept, path, metadata=dict(metadata))


def read_trained(path: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """float32 tensors under the names of transformers' BertModel, and the head; of the package, or of `path`."""
    if path is None:
        with as_file(files("rag.models").joinpath(READER_WEIGHTS_FILE)) as own:
            return read_trained(own)
    kept = load_file(path)
    return {
        name: np.asarray(values * kept[name + _SCALE][:, None] if name + _SCALE in kept else values, dtype=np.float32)
        for name, values in kept.items()
        if not name.endswith(_SCALE)
    }
