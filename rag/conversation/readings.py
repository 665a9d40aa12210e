"""A follow-up -> questions that might stand for it, each by itself; the documents decide which one does.

What a follow-up leaves out is filled in from the question before it, part for part: a year for a year, a place for a
place, what is measured for what is measured, a name for a pronoun. Which part it is cannot always be told from the
form, nor whether anything is left out at all; so there are up to `MOST` readings, the likeliest first.
"""

from collections.abc import Sequence
from itertools import islice

from rag.conversation.chinese import chinese_readings
from rag.conversation.latin import ENGLISH_PRONOUN, latin_readings
from rag.conversation.parts import PRONOUN
from rag.text import content_words, has_han, scripts_differ
from rag.types import Turn

MOST = 4
"""Readings of one question: each costs an embedding and a search."""

_REMEMBERED = 12  # turns looked back
_LONG = 8  # content words: a question that says more than this and points nowhere stands by itself


def readings(question: str, history: Sequence[Turn], limit: int = 2000) -> list[str]:
    """Standalone readings of `question`, likeliest first, 1 to `MOST`; the question itself where nothing precedes it.

    None is made from or comes to more than `limit` characters.
    """
    before = answered = ""
    for turn in history[-_REMEMBERED:]:
        if turn.role == "assistant":
            answered = turn.text[:limit]
        elif len(turn.text) <= limit:  # a question before may itself follow one before it
            before, answered = _readings(turn.text, before, answered, limit)[0], ""
    return _readings(question, before, answered, limit)


def _readings(question: str, before: str, answered: str, limit: int) -> list[str]:
    question, before = question.strip(), before.strip()
    if not before or not any(map(str.isalnum, question)) or _stands(question):
        return [question]
    chinese = has_han(question) and has_han(before) and not scripts_differ(question, before)
    found = (chinese_readings if chinese else latin_readings)(question, before, answered)
    kept = dict.fromkeys(text for text in found if len(text) <= limit)
    return list(islice(kept, MOST)) or [question]


def _stands(question: str) -> bool:
    """Whether a question says too much to leave anything out, and points at nothing."""
    return not (PRONOUN.search(question) or ENGLISH_PRONOUN.search(question)) and len(content_words(question)) > _LONG
