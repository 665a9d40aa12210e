"""A follow-up -> questions that might stand for it; the documents decide which one does.

A question that leaves its subject out ("那今年的目标呢?") is read together with the question before it. Whether it
leaves something out cannot be told from its form alone, so where it may stand by itself, both readings are given.
"""

from collections.abc import Sequence

import regex

from rag.text import content_words, fold
from rag.types import Turn

_LEANS = regex.compile(
    r"^(?:那么|还有呢|那(?=[今去明前后上下它他她\d，,])|(?:and|what about|how about)\b|では|それ)|呢\s*[?？]*$"
    r"|它|(?<![尤耳与极何莫])其(?![中他余实次间它])|他们|她们|该(?:公司|企业|项目|区|市|基地|园区|产品|机构)"
    r"|\b(?:it|its|they|their|them)\b",
    flags=regex.IGNORECASE,
)
_FEW_WORDS = 8


def readings(question: str, history: Sequence[Turn], limit: int = 2000) -> list[str]:
    """Standalone readings of `question`, at most two: joined to what it follows, and by itself where that may be.

    None is joined to more than `limit` characters.
    """
    asked = [turn.text for turn in history if turn.role == "user"]
    if not asked:
        return [question]
    leans = _leans(question)
    if not leans and len(content_words(question)) > _FEW_WORDS:
        return [question]
    before = asked[-1]
    for earlier in reversed(asked[:-1]):  # the question before may itself lean on one before it
        if not _leans(before) or len(earlier) + len(before) + len(question) > limit:
            break
        before = f"{earlier} {before}"
    joined = f"{before} {question}"
    if len(joined) > limit:
        return [question]
    return [joined] if leans else [joined, question]


def _leans(question: str) -> bool:
    """Whether its form says that something is left out."""
    return _LEANS.search(fold(question).strip()) is not None
