"""Search by meaning in a large store: sketches propose, half precision chooses, exact arithmetic decides.

A sketch is an eighth of the half-precision vector: four bits for each two numbers (product quantization: Jégou, Douze
and Schmid, 2011), laid out so that sixteen of them are looked up in one instruction (fast scan: André, Kermarrec and Le
Scouarnec, "Cache locality is not enough", 2015). All sketches are read for a question, so nothing depends on whether
vectors cluster; what may be missed is a vector whose sketch stands behind a thousand others.

The vectors are mapped from their file, of which a question touches what was proposed. What was added since the files
were made stands in a flat index beside them, what was removed is passed over, until they are made again.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np

from rag.store.dense import DenseIndex, Keys, Likely, half_precision_error
from rag.types import Vectors

Sketches = faiss.IndexPQFastScan

PROPOSED = 1000
"""Sketches that are looked into, at least."""

_FOR_EACH = 10  # sketches that are looked into for each passage that is wanted

TRAINED_ON = 4096
"""Vectors that sketches learn from; FAISS takes no more than 256 for each of the 16 values that four bits have."""


class SketchedIndex:
    """Vectors of unit length by integer key; sketches in memory, vectors in a file."""

    def __init__(self, sketches: Sketches, vectors: DenseIndex, tail: DenseIndex, removed: Keys) -> None:
        """`sketches` and `vectors` hold the same, in the same order, keys rising; `tail` holds greater keys; `removed`:
        keys of the former that do not count, in order."""
        self._sketches, self.vectors, self._tail, self.removed = sketches, vectors, tail, removed
        self._keys = vectors.keys()
        self._last_key = int(self._keys[-1])

    def __len__(self) -> int:
        return len(self._keys) - len(self.removed) + len(self._tail)

    def keys(self) -> Keys:
        """All keys, in order."""
        return np.concatenate([self._left(), self._tail.keys()])

    def nearest(self, vector: Vectors, count: int, among: Keys | None = None) -> Likely:
        """The `count` likeliest keys or some more for `vector` [dim]; the bound is of those whose sketches were looked
        into. `among`, in order, are the only keys that count, where they are given; then, and where a good part of all
        is wanted, all are looked into."""
        faiss.omp_set_num_threads(1)  # see DenseIndex.nearest
        if among is None and 2 * self._proposed(count) <= len(self._keys):
            found = self._by_sketch(vector, count)
        else:
            at = np.searchsorted(among, self._last_key, "right") if among is not None else 0
            inside = self._left() if among is None else among[:at]
            found = _nearest(self.vectors, vector, count, inside)
        found += _nearest(self._tail, vector, count, None if among is None else among[at:])
        keys, rough, bounds = zip(*found, strict=True)
        return np.concatenate(keys), np.concatenate(rough), max(bounds)

    def _proposed(self, count: int) -> int:
        return max(PROPOSED, _FOR_EACH * count) + len(self.removed) // 10

    def _by_sketch(self, vector: Vectors, count: int) -> list[Likely]:
        _, places = self._sketches.search(vector[np.newaxis, :], self._proposed(count))
        proposed = np.sort(places[0])  # in the order of the file
        if len(self.removed):
            proposed = proposed[~np.isin(self._keys[proposed], self.removed)]
        if len(proposed) < count:  # what was removed is what was asked for
            return _nearest(self.vectors, vector, count, self._left())
        rough = self.vectors.at(proposed) @ vector
        best = np.argsort(-rough, kind="stable")[:count]
        return [(self._keys[proposed[best]], rough[best], float(rough[best[-1]]) + half_precision_error(vector))]

    def _left(self) -> Keys:
        return np.setdiff1d(self._keys, self.removed, assume_unique=True)


def _nearest(index: DenseIndex, vector: Vectors, count: int, among: Keys | None) -> list[Likely]:
    held = len(index) if among is None else len(among)
    return [index.nearest(vector, min(count, held), among)] if held else []


def learned(sample: Vectors) -> Sketches:
    """An empty index of sketches that fit `sample` [n, dim]."""
    dim = sample.shape[1]
    sketches = faiss.IndexPQFastScan(dim, dim // 2 if dim % 2 == 0 else dim, 4, faiss.METRIC_INNER_PRODUCT)
    sketches.pq.cp.min_points_per_centroid = 1  # a warning, where they are fewer
    sketches.train(sample)
    return sketches


def add(sketches: Sketches, vectors: DenseIndex, batches: Iterable[tuple[Keys, Vectors]]) -> None:
    """To both the same, in the same order."""
    for keys, some in batches:
        sketches.add(some)
        vectors.add([(keys, some)])


def load(file: Path) -> Sketches:
    """Sketches. Raises OSError; RuntimeError where FAISS cannot make sense of the file."""
    sketches = faiss.deserialize_index(np.fromfile(file, dtype=np.uint8))
    if not isinstance(sketches, faiss.IndexPQFastScan):
        raise RuntimeError(f"{file} holds a {type(sketches).__name__}")
    return sketches


def save(sketches: Sketches, file: Path) -> None:
    """Raises OSError."""
    with file.open("wb") as stream:
        stream.write(faiss.serialize_index(sketches).data)
        stream.flush()
        os.fsync(stream.fileno())
