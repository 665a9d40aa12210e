"""Document -> passages of whole sentences under a token budget, each with its context line.

Passages do not overlap: a sentence is found, scored and cited once. What overlap is for, knowing what stands around a
passage, is the context line's work: it says whose text this is, of which period, under which headings.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import regex

from rag.text import sentence_spans, years
from rag.types import Document, Passage, Section, Sentence

PASSAGE_TOKENS = 160
"""Budget of a passage without its context line; chosen in docs/quality.md."""

_CONTEXT_CHARS = 120
_TITLE_CHARS = 60
_HEADING_CHARS = 40
_LEAD_CHARS = 16
_MARGIN = 8  # tokens: pieces of one sentence are not equally dense
_SPARE = 16  # tokens that a passage may have over its budget: short sentences that announce it
_CUT = regex.compile(r"[，、；;：]|(?<!\d)[,:]|[,:](?!\d)|\s")
_NOTE = regex.compile(r"^[（(\[【]?\s*(?:注|说明|note)\s*[:：].*$", flags=regex.MULTILINE | regex.IGNORECASE)
_PERIOD = regex.compile(
    r"(?<!\d)(?:19|20)\d{2}(?!\d|[a-zA-Z%]|[个家场条所座处亩吨元套名位次项台辆万亿余多])年?(?:上半年|下半年|(?:前|第)?[一二三四1-4](?:个)?季度|1[-—至]\d{1,2}月)?"
)

CountTokens = Callable[[Sequence[str]], list[int]]

_Counted = tuple[int, int, int]  # a sentence or a piece of one: start, end, tokens


def split_document(
    document: Document, count_tokens: CountTokens, max_tokens: int, passage_tokens: int = PASSAGE_TOKENS
) -> tuple[list[Passage], list[Sentence]]:
    """Passages and sentences in document order; each sentence lies within exactly one passage.

    No passage with its context has more than `max_tokens` tokens by `count_tokens`: what a model would cut is split
    before, a sentence of more than the budget at its commas and, where it has none, anywhere. Tokens of parts are only
    an estimate of the tokens of the whole, so that every whole is counted.
    """
    context_chars = min(_CONTEXT_CHARS, max_tokens // 4)
    budget = max(16, min(passage_tokens, max_tokens - context_chars - _SPARE))
    text = document.text
    bounded = _bounded(text, sentence_spans(text), count_tokens, budget)
    overhead = count_tokens([""])[0]
    headings = {section.start: section.title for section in document.sections} | {0: document.title}
    groups: list[list[_Counted]] = []
    used, only_headings = 0, True
    for sentence in bounded:
        start, end, count = sentence
        tokens = count - overhead + 1
        if not groups or (not only_headings and (start in headings or used + tokens > budget)):
            leads = _leads(groups[-1], budget // 2) if groups and start not in headings else []
            groups.append(leads)
            used, only_headings = 0, True
        groups[-1].append(sentence)
        used += tokens
        only_headings = only_headings and text[start:end] == headings.get(start)
    if only_headings and len(groups) > 1:
        groups[-2].extend(groups.pop())
    contexts = _Contexts(document, context_chars)
    passages = [
        Passage(
            id=passage_id(document.id, n),
            document_id=document.id,
            ordinal=n,
            start=group[0][0],
            end=group[-1][1],
            context=contexts.over(next((a for a, b, _ in group if text[a:b] != headings.get(a)), group[0][0])),
        )
        for n, group in enumerate(_within(text, groups, count_tokens, min(budget + _SPARE, max_tokens)))
    ]
    passages = _with_shorter_contexts(document, passages, count_tokens, max_tokens)
    return passages, [Sentence(document.id, start, end) for start, end, _ in bounded]


def _leads(group: list[_Counted], spare: int) -> list[_Counted]:
    """Short sentences at the end of `group`, taken out of it: they announce what comes next ("大力提升传统产业。").

    At most `spare` tokens of them: in a list, where all are short, they would never come to stand anywhere.
    """
    leads: list[_Counted] = []
    while len(group) > 1 and group[-1][1] - group[-1][0] <= _LEAD_CHARS:
        spare -= group[-1][2]
        if spare < 0:
            break
        leads.insert(0, group.pop())
    return leads


def _within(
    text: str, groups: Sequence[list[_Counted]], count_tokens: CountTokens, limit: int
) -> Iterator[list[_Counted]]:
    """The groups, those whose text has more than `limit` tokens in halves."""
    counts = count_tokens([text[group[0][0] : group[-1][1]] for group in groups])
    for group, tokens in zip(groups, counts, strict=True):
        if tokens <= limit or len(group) == 1:
            yield group
        else:
            middle = len(group) // 2
            yield from _within(text, [group[:middle], group[middle:]], count_tokens, limit)


def _with_shorter_contexts(
    document: Document, passages: Sequence[Passage], count_tokens: CountTokens, max_tokens: int
) -> list[Passage]:
    """The passages, a context cut where it and the text have more than `max_tokens` tokens together."""
    counts = count_tokens([passage_text(document, passage) for passage in passages])
    fitting = []
    for passage, tokens in zip(passages, counts, strict=True):
        while tokens > max_tokens and passage.context:
            passage = replace(passage, context=passage.context[: len(passage.context) // 2].rstrip())
            (tokens,) = count_tokens([passage_text(document, passage)])
        fitting.append(passage)
    return fitting


def passage_id(document_id: str, ordinal: int) -> str:
    """How the passage at place `ordinal` (0-based) of a document is called."""
    return f"{document_id}-{ordinal:04d}"


def passage_text(document: Document, passage: Passage) -> str:
    """What is embedded, indexed and read for a passage: its context line and its text."""
    text = document.text[passage.start : passage.end]
    return f"{passage.context}\n{text}" if passage.context else text


class _Contexts:
    """Context lines of one document: title, period and headings, what the sentences there leave unsaid."""

    def __init__(self, document: Document, limit: int) -> None:
        titled = document.text.startswith(document.title + "\n")  # else the title is only the text's first words
        self._title = document.title[:_TITLE_CHARS] if titled else ""
        self._period = _period(document)
        self._waiting = list(document.sections)[::-1]
        self._above: list[Section] = []
        self._limit = limit

    def over(self, offset: int) -> str:
        """The context line over `offset`, at most `limit` characters; offsets must be asked for in order."""
        while self._waiting and self._waiting[-1].start <= offset:
            section = self._waiting.pop()
            self._above = [open_ for open_ in self._above if open_.end > section.start] + [section]
            self._period = _named(section.title) or self._period  # the last heading that names a year speaks
        headings = [section.title[:_HEADING_CHARS] for section in self._above if section.end > offset]
        said = any(self._period.rstrip("年") in part for part in (self._title, *headings))
        return " ".join(filter(None, (self._title, "" if said else self._period, *headings)))[: self._limit]


def _period(document: Document) -> str:
    """The period a document speaks of: of a note, else the title, the text's most frequent years, the date."""
    note = _NOTE.search(document.text)
    for source in (note.group() if note else "", document.title):
        if period := _named(source):
            return period
    counts = Counter(years(document.text))
    if document.date and (not counts or document.date[:4] in counts):
        return f"{document.date[:4]}年"
    frequent = sorted(counts, key=lambda year: (counts[year], year))[-2:]
    return "、".join(f"{year}年" for year in sorted(frequent) if counts[year] * 3 >= max(counts.values()))


def _named(text: str) -> str:
    match = _PERIOD.search(text)
    return match.group() if match else ""


def _bounded(text: str, spans: Sequence[tuple[int, int]], count_tokens: CountTokens, budget: int) -> list[_Counted]:
    """Sentences, with those over the budget cut into pieces within it: at a comma or a space where there is one."""
    bounded: list[_Counted] = []
    counts = count_tokens([text[start:end] for start, end in spans])
    for (start, end), tokens in zip(spans, counts, strict=True):
        if tokens <= budget or end - start == 1:
            bounded.append((start, end, tokens))
        else:  # pieces are not equally dense: one may have to be cut again
            pieces = _cut(text, start, end, max(1, (end - start) * (budget - _MARGIN) // tokens))
            bounded += _bounded(text, pieces, count_tokens, budget)
    return bounded


def _cut(text: str, start: int, end: int, step: int) -> list[tuple[int, int]]:
    """Pieces of at most `step` characters."""
    pieces = []
    while end - start > step:
        cuts = [m.end() for m in _CUT.finditer(text, start + step // 4, start + step)]
        cut = cuts[-1] if cuts else start + step
        pieces.append((start, cut))
        start = cut
    pieces.append((start, end))
    return [(a, b) for a, b in (_trimmed(text, *piece) for piece in pieces) if a < b]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
