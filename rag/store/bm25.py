"""The score Tantivy gives, written out plainly, to check it by."""

from collections import Counter
from collections.abc import Sequence

K1, B = 1.2, 0.75


def stored_length(words: int) -> int:
    """A passage's length as an index keeps it, in one byte: exact up to 40, then the leading four bits of the excess
    over 24 (Lucene's SmallFloat.intToByte4, which Tantivy shares). 41 -> 40, 100 -> 96, 200 -> 200, 210 -> 200."""
    excess = words - 24
    shift = max(excess.bit_length() - 4, 0) if excess > 0 else 0
    return words if excess <= 0 else 24 + (excess >> shift << shift)


def bm25(question: Sequence[str], passage: Sequence[str], mean_length: float, weights: dict[str, float]) -> float:
    """Sum over the question's words (a word that stands twice counts twice) of weight times saturated frequency."""
    counts = Counter(passage)
    norm = K1 * (1 - B + B * stored_length(len(passage)) / mean_length) if mean_length else K1
    return sum(weights[w] * (K1 + 1) * counts[w] / (counts[w] + norm) for w in question if counts[w])
