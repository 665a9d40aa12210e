"""How a question and a passage are laid out for the reader, and what is read off its scores.

One row: `<s> query: QUESTION </s> passage: CONTEXT </s> TEXT </s>`, in simplified characters, so that the encoder sees
the prompts it was trained with. For every token the reader gives three scores: that the answer begins here, that it
ends here, and that this token's sentence answers. The scores at <s> stand for "not answered here" (as BERT does for
SQuAD 2.0, Devlin et al. 2019); every score is given as what it has above them, the log-odds against that. The score at
<s> stands beside them: on texts unlike those it was trained on the reader takes nearly everything for unanswered, and
is still right about where.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.layout import MAX_TOKENS, PROMPTS
from rag.models.unigram import Unigram
from rag.text import simplify
from rag.types import SentenceReading

_QUESTION_TOKENS = 96  # of a longer question, the first; passages of 160 tokens then always fit
_ANSWER_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids, and for the tokens of the text, which stand at `first` and after, [start, end) in the text."""

    ids: list[int]
    first: int
    spans: list[tuple[int, int]]


def lay_out(tokenizer: Unigram, question: str, context: str, text: str) -> Row:
    """The row that is read; a text over the encoder's length is cut at its end."""
    asked = tokenizer.encode(PROMPTS["query"] + simplify(question))[: _QUESTION_TOKENS + 1]
    asked[-1] = tokenizer.eos
    above = tokenizer.encode(PROMPTS["passage"] + simplify(context))[1:]
    head = asked + above
    tokens = tokenizer.encode_spans(simplify(text))[: MAX_TOKENS - len(head) - 1]
    ids = head + [token for token, _, _ in tokens] + [tokenizer.eos]
    return Row(ids, len(head), [_trimmed(text, start, end) for _, start, end in tokens])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    return start, end


def sentence_tokens(row: Row, sentences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """[first, last) in row.ids for each sentence, given as [start, end) in the text; empty where it was cut off."""
    ends = np.array([end for _, end in row.spans] or [0])
    found = []
    for start, end in sentences:
        a, b = int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, end, side="left")) + 1
        found.append((row.first + a, row.first + max(a, min(b, len(row.spans)))))
    return found


def read_scores(
    row: Row, sentences: Sequence[tuple[int, int]], scores: NDArray[np.float32]
) -> tuple[SentenceReading, ...]:
    """scores [tokens, 3] -> what the reader makes of each sentence of the passage."""
    null_span, null_relevance = float(scores[0, 0] + scores[0, 1]), float(scores[0, 2])
    readings = []
    for first, last in sentence_tokens(row, sentences):
        if first == last:
            readings.append(SentenceReading(-null_relevance, -null_span, (0, 0), null_span))
            continue
        a, b, best = _best_span(scores[first:last, 0], scores[first:last, 1])
        span = row.spans[first + a - row.first][0], row.spans[first + b - row.first][1]
        relevance = float(scores[first:last, 2].mean())
        readings.append(SentenceReading(relevance - null_relevance, best - null_span, span, null_span))
    return tuple(readings)


def _best_span(starts: NDArray[np.float32], ends: NDArray[np.float32]) -> tuple[int, int, float]:
    """(first, last, score) of the span of at most _ANSWER_TOKENS with the highest start + end."""
    n = len(starts)
    sums = starts[:, None] + ends[None, :]
    allowed = np.triu(np.ones((n, n), dtype=bool)) & ~np.triu(np.ones((n, n), dtype=bool), _ANSWER_TOKENS)
    place = int(np.argmax(np.where(allowed, sums, -np.inf)))
    return place // n, place % n, float(sums.flat[place])
