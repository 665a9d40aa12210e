"""Search by meaning: a flat FAISS index of half-precision vectors that proposes, and exact arithmetic that decides.

Over 75,000 vectors of 384 dimensions a flat float32 index takes 10 ms a question and 115 MB; half precision takes 3 ms
and 58 MB, needs no training (so it depends on nothing but the vectors), and its error has a bound small enough to prove
the answer exact. Time and memory grow in a straight line; from `rag.store.files.LARGE` passages on the vectors are
searched by sketches of them first (`rag.store.sketch`).
"""

import os
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.types import Vectors

HALF_PRECISION_ERROR = 2**-11 + 2**-14
"""Greatest difference between a cosine from the half-precision index and the exact one, for unit vectors.

Rounding to float16 changes a component x by at most |x| / 2^11, so a sum of q * x by at most sum(|q * x|) / 2^11, which
is at most 2^-11 (Cauchy-Schwarz). The second term covers subnormal components, float32 sums and rounding of the result.
"""

Keys = NDArray[np.int64]

Likely = tuple[Keys, Vectors, float]
"""Keys, their cosines by half precision float32 [n], and a bound: no other key's exact cosine is greater."""


def half_precision_error(vector: Vectors) -> float:
    """Greatest difference of the two for `vector` [dim] of any length and any vector of unit length."""
    return HALF_PRECISION_ERROR * max(1.0, float(np.linalg.norm(vector)))


class DenseIndex:
    """Vectors of unit length by integer key, in memory."""

    def __init__(self, index: faiss.IndexIDMap) -> None:
        self._index = index

    @classmethod
    def create(cls, dim: int) -> "DenseIndex":
        half = faiss.ScalarQuantizer.QT_fp16
        return cls(faiss.IndexIDMap(faiss.IndexScalarQuantizer(dim, half, faiss.METRIC_INNER_PRODUCT)))

    @classmethod
    def load(cls, file: Path, *, mapped: bool = False) -> "DenseIndex":
        """`mapped`: of the vectors only those that are looked at are read from the file, where the system can.

        Raises OSError; RuntimeError where FAISS cannot make sense of the file.
        """
        if mapped and os.name == "posix":
            index = faiss.read_index(os.fspath(file), faiss.IO_FLAG_MMAP_IFC)
        else:  # through bytes: FAISS itself opens no path outside the system's narrow encoding
            index = faiss.deserialize_index(np.fromfile(file, dtype=np.uint8))
        if not isinstance(index, faiss.IndexIDMap):
            raise RuntimeError(f"{file} holds a {type(index).__name__}")
        return cls(index)

    def save(self, file: Path) -> None:
        """Raises OSError. On the disk when it returns: a big file is not read through whenever it is opened."""
        with file.open("wb") as stream:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(stream.write))  # type: ignore[attr-defined]
            stream.flush()
            os.fsync(stream.fileno())

    def add(self, batches: Iterable[tuple[Keys, Vectors]]) -> None:
        """Each batch: keys int64 [n], vectors float32 [n, dim]."""
        for keys, vectors in batches:
            self._index.add_with_ids(vectors, keys)

    def keys(self) -> Keys:
        """All keys, in the order added."""
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def at(self, places: Keys) -> Vectors:
        """The vectors float32 [n, dim] at `places` in the order added, as half precision has them."""
        index = faiss.downcast_index(self._index.index)
        assert isinstance(index, faiss.IndexScalarQuantizer)
        codes = faiss.rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size).reshape(-1, index.code_size)
        return np.asarray(index.sa_decode(codes[places]))  # all at once, in half the time of `reconstruct_batch`

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, vector: Vectors, count: int, among: Keys | None = None) -> Likely:
        """The `count` likeliest keys for `vector` [dim].

        `among`, in order, are the only keys that count, where they are given. `count` is at least 1 and at most as many
        as there are.
        """
        # One question reads the vectors once, as fast as memory gives them: a second thread gains nothing, and where
        # the cores are busy it waits, 20 ms instead of 3. OpenMP keeps this setting per thread, so it is made here.
        faiss.omp_set_num_threads(1)
        rough, keys = self._index.search(vector[np.newaxis, :], count, params=_only(among))
        held = len(self) if among is None else len(among)
        bound = float(rough[0, -1]) + half_precision_error(vector) if count < held else -np.inf
        return keys[0], rough[0], bound


def _only(keys: Keys | None) -> faiss.SearchParameters | None:
    """Has FAISS pass over all but `keys`, which are in order."""
    return None if keys is None else faiss.SearchParameters(sel=selector(keys))  # type: ignore[call-arg]


def selector(keys: Keys) -> faiss.IDSelector:
    """Of `keys`, which are in order: a bit for each key up to the last of them."""
    bits = np.zeros(int(keys[-1]) + 1, dtype=np.uint8)
    bits[keys] = 1
    bitmap = np.packbits(bits, bitorder="little")
    # As FAISS's Python layer has it, which keeps the bits alive; its stubs know the C++ constructors alone.
    return faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]


def cosines(vectors: Vectors, vector: Vectors) -> list[float]:
    """Exact inner products of the rows of `vectors` [n, dim] with `vector` [dim].

    Rounded to 6 decimals: what lies beyond is the noise of float32 input, and would break ties by memory layout.
    """
    exact = vectors.astype(np.float64) @ vector.astype(np.float64)
    return [round(float(score), 6) for score in exact]
