"""A weight file small enough to write by hand: one layer of 32 values, 17 pieces."""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rag.models.weights import Vocabulary

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS, TYPES = 32, 1, 2, 64, 16, 2
EPSILON = 1e-12

PIECES = (
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "a",
    "b",
    "c",
    "ab",
    "▁ab",
    "bc",
    "<",
    "unk",
    ">",
    "u",
    "n",
    "k",
    "<mask>",
)
# No two ways to cut a word may be equally probable, or the order of additions would decide.
SCORES = (0.0, 0.0, 0.0, 0.0, *(-2.0 - 0.37 * place - 0.011 * place**2 for place in range(13)), 0.0)
VOCABULARY = Vocabulary(PIECES, tuple(float(np.float32(score)) for score in SCORES), bos=0, eos=2, pad=1, unk=3)

NORMALISER = {
    "\x01": "",
    "\t": " ",
    "▁": " ",
    "A": "a",
    "ª": "a",  # two bytes: `tokenizers` swallows an accent behind it
    "ａ": "a",  # three bytes
    "ﬂ": "bc",
}


def q4_0(count: int, seed: int) -> bytes:
    """Random blocks for `count` weights."""
    rng = np.random.default_rng(seed)
    blocks = []
    for _ in range(count // 32):
        blocks.append(np.float16(rng.normal() / 16).tobytes() + rng.integers(0, 256, 16, dtype=np.uint8).tobytes())
    return b"".join(blocks)


def weight_file(vocabulary: Vocabulary = VOCABULARY, normaliser: Mapping[str, str] = NORMALISER) -> bytes:
    """The bytes of the file, in the layout of rag.models.weights."""
    shape = (HIDDEN, LAYERS, HEADS, WIDE, len(vocabulary.pieces) + 2, POSITIONS, TYPES)
    head = b"E5S1" + struct.pack("<I7ifi", 1, *shape, EPSILON, 32)
    blob = [piece.encode() for piece in vocabulary.pieces]
    offsets = np.cumsum([0, *map(len, blob)]).astype("<u4").tobytes()
    scores = np.array(vocabulary.scores, dtype="<f4").tobytes()
    special = (vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.unk)
    head += struct.pack("<5iQ", len(blob), *special, sum(map(len, blob))) + offsets + scores + b"".join(blob)
    rules = b"".join(
        struct.pack(f"<IB{len(made)}I", ord(character), len(made), *map(ord, made))
        for character, made in normaliser.items()
    )
    head += struct.pack("<iI", len(normaliser), len(rules)) + rules

    tensors = {
        name: (kind, count, _content(kind, count, seed)) for seed, (name, kind, count) in enumerate(_directory())
    }
    size = sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    place = len(head) + 4 + size
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, (kind, count, content) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, place + len(body), len(content))
        body += content
    return head + directory + body


def _directory() -> list[tuple[str, int, int]]:
    """(name, type, number of values) of all tensors."""
    rows = len(PIECES) + 2
    tensors = [("emb.word", 1, rows * HIDDEN), ("emb.pos", 0, POSITIONS * HIDDEN), ("emb.type", 0, TYPES * HIDDEN)]
    tensors += [("emb.ln.w", 0, HIDDEN), ("emb.ln.b", 0, HIDDEN)]
    for layer in range(LAYERS):
        for name, outputs, inputs in (
            ("q", HIDDEN, HIDDEN),
            ("k", HIDDEN, HIDDEN),
            ("v", HIDDEN, HIDDEN),
            ("ao", HIDDEN, HIDDEN),
            ("fi", WIDE, HIDDEN),
            ("fo", HIDDEN, WIDE),
        ):
            tensors += [(f"l{layer}.{name}.w", 1, outputs * inputs), (f"l{layer}.{name}.b", 0, outputs)]
        for name in ("aln", "oln"):
            tensors += [(f"l{layer}.{name}.w", 0, HIDDEN), (f"l{layer}.{name}.b", 0, HIDDEN)]
    return tensors


def _content(kind: int, count: int, seed: int) -> bytes:
    return q4_0(count, seed) if kind == 1 else floats(count, seed).tobytes()


def floats(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=count).astype("<f4")
