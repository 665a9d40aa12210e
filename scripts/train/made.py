"""Questions made by rule: with a word exchanged, so that the passage no longer answers, and from sentences of news."""

import random
from collections.abc import Iterator, Mapping, Sequence

import jieba.posseg
import regex

from rag.text import date_spans, figure_spans, focus_words, has_han, simplify
from scripts.train.lessons import Lesson, Piece

_YEAR = regex.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_NAME = regex.compile(r"(?<=[\p{Ll},;] )\p{Lu}\p{Ll}{2,}(?: \p{Lu}\p{Ll}+)*")
_NAME_TAGS = ("nr", "ns", "nt", "nz", "nrt")
_UNIT = regex.compile(r"\d(?:[\d.,，．—\-–~～至]*\d)?")
_MAX_QUESTION = 60  # characters of a question made from news


def exchange(one: Lesson, pools: Mapping[str, Sequence[str]], draw: random.Random) -> str | None:
    """`one.question` with one telling word exchanged for another, which its passage does not hold.

    `pools` has by kind the words that may take the place of one.
    """
    ways = []
    for match in _YEAR.finditer(one.question):
        other = str(int(match.group()) + draw.choice((-3, -2, -1, 1, 2, 3)))
        ways.append((match.group(), other))
    for kind, words in pools.items():
        here = [word for word in _telling(one.question, kind) if word in one.piece.text or kind == "focus"]
        if here and words:
            ways.append((draw.choice(here), draw.choice(words)))
    ways = [(old, new) for old, new in ways if old != new and new not in one.piece.text + one.piece.context]
    if not ways:
        return None
    old, new = draw.choice(ways)
    return one.question.replace(old, new)


def _telling(question: str, kind: str) -> list[str]:
    """The words of a question that a swap may exchange: names by their tag, or the thing asked for."""
    if kind == "name":
        return [match.group() for match in _NAME.finditer(question)]
    if not has_han(question):
        return []
    if kind == "focus":
        return [word for word in focus_words(question, 1) if len(word) > 1 and word in question]
    return [word.word for word in jieba.posseg.cut(simplify(question)) if word.flag == kind and len(word.word) > 1]


def word_pools(questions: Sequence[str]) -> dict[str, list[str]]:
    kinds = ("name", "focus", *_NAME_TAGS)
    sample = questions[:: max(1, len(questions) // 6000)]
    return {kind: sorted({word for question in sample for word in _telling(question, kind)}) for kind in kinds}


def cloze(piece: Piece, draw: random.Random) -> Iterator[tuple[str, tuple[int, int]]]:
    """(question, answer) made from the sentences of `piece`: the clause around a figure or date, which is asked for."""
    for start, end in piece.sentences:
        sentence = piece.text[start:end]
        if not 16 <= len(sentence) <= 160 or not has_han(sentence):
            continue
        figures = [span for span in figure_spans(sentence) if any(map(str.isdigit, sentence[slice(*span)]))]
        asked = [(span, "多少" + _unit(sentence[slice(*span)])) for span in figures if span[1] - span[0] > 1]
        asked += [(span, draw.choice(("什么时候", "何时", "哪一天"))) for span in date_spans(sentence)]
        if asked:
            (a, b), ask = draw.choice(asked)
            question = _ask(sentence, a, b, ask, draw)
            if question:
                yield question, (start + a, start + b)


def _unit(figure: str) -> str:
    """ "约12.5万亿元" -> "万亿元", which is asked for; a percentage has none."""
    return figure[_UNIT.search(figure).end() :].rstrip("以上下左右%％")  # type: ignore[union-attr]


def _ask(sentence: str, a: int, b: int, ask: str, draw: random.Random) -> str | None:
    """The clause around sentence[a:b], which `ask` replaces, some of its words left out."""
    commas = [match.end() for match in regex.finditer(r"[，；：。]", sentence)]
    left = max([0, *(c for c in commas if c <= a and a - c >= 6)])
    if draw.random() < 0.5 and left:  # with the clause before, which often names the subject
        left = max([0, *(c for c in commas if c < left - 1)])
    right = b if draw.random() < 0.6 and a - left >= 6 else min([c - 1 for c in commas if c > b] + [len(sentence)])
    before = _thinned(sentence[left:a], draw)
    after = _thinned(sentence[b:right], draw).rstrip("。！；，")
    question = f"{before}{ask}{after}"
    return f"{question}？" if len(question) - len(ask) >= 6 and len(question) <= _MAX_QUESTION else None


def _thinned(text: str, draw: random.Random, share: float = 0.15) -> str:
    return "".join(word for word in jieba.cut(text) if draw.random() > share or len(word) > 3)
