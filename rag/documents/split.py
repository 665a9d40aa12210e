"""Document -> passages of whole sentences under a token budget, each with its context line.

Passages do not overlap: a sentence is found, scored and cited once. What overlap is for, knowing what stands around a
passage, is the context line's work: it says whose text this is, of which period, under which headings.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import regex

from rag.text import sentence_spans, years
from rag.types import Document, Passage, Sentence

PASSAGE_TOKENS = 160
"""Budget of a passage without its context line; chosen in docs/quality.md."""

_CONTEXT_CHARS = 120
_TITLE_CHARS = 60
_HEADING_CHARS = 40
_LEAD_CHARS = 16
_CUT = regex.compile(r"[，,、；;：:\s]")
_NOTE = regex.compile(r"^[（(\[【]?\s*(?:注|说明|note)\s*[:：].*$", flags=regex.MULTILINE | regex.IGNORECASE)
_PERIOD = regex.compile(
    r"(?<!\d)(?:19|20)\d{2}(?!\d|[a-zA-Z%]|[个家场条所座处亩吨元套名位次项台辆万亿余多])年?(?:上半年|下半年|(?:前|第)?[一二三四1-4](?:个)?季度|1[-—至]\d{1,2}月)?"
)

CountTokens = Callable[[Sequence[str]], list[int]]


def split_document(
    document: Document, count_tokens: CountTokens, max_tokens: int, passage_tokens: int = PASSAGE_TOKENS
) -> tuple[list[Passage], list[Sentence]]:
    """Passages and sentences in document order; each sentence lies within exactly one passage.

    No passage with its context has more than `max_tokens` tokens by `count_tokens`: what a model would cut is split
    before, a sentence of more than the budget at its commas and, where it has none, anywhere.
    """
    budget = min(passage_tokens, max_tokens - _CONTEXT_CHARS - 16)
    text = document.text
    spans = _bounded(text, sentence_spans(text), count_tokens, budget)
    counts = count_tokens([text[a:b] for a, b in spans])
    overhead = count_tokens([""])[0]
    headings = {section.start: section.title for section in document.sections} | {0: document.title}
    groups: list[list[tuple[int, int]]] = []
    used, only_headings = 0, True
    for (start, end), count in zip(spans, counts, strict=True):
        tokens = count - overhead + 1
        if not groups or (not only_headings and (start in headings or used + tokens > budget)):
            leads = _leads(groups[-1]) if groups and start not in headings else []
            groups.append(leads)
            used, only_headings = 0, True
        groups[-1].append((start, end))
        used += tokens
        only_headings = only_headings and text[start:end] == headings.get(start)
    if only_headings and len(groups) > 1:
        groups[-2].extend(groups.pop())
    passages = [
        Passage(
            id=passage_id(document.id, n),
            document_id=document.id,
            ordinal=n,
            start=group[0][0],
            end=group[-1][1],
            context=context_line(document, next((a for a, b in group if text[a:b] != headings.get(a)), group[0][0])),
        )
        for n, group in enumerate(groups)
    ]
    return passages, [Sentence(document.id, start, end) for start, end in spans]


def _leads(group: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Short sentences at the end of `group`, taken out of it: they announce what comes next ("大力提升传统产业。")."""
    leads: list[tuple[int, int]] = []
    while len(group) > 1 and group[-1][1] - group[-1][0] <= _LEAD_CHARS:
        leads.insert(0, group.pop())
    return leads


def passage_id(document_id: str, ordinal: int) -> str:
    """How the passage at place `ordinal` (0-based) of a document is called."""
    return f"{document_id}-{ordinal:04d}"


def passage_text(document: Document, passage: Passage) -> str:
    """What is embedded, indexed and read for a passage: its context line and its text."""
    text = document.text[passage.start : passage.end]
    return f"{passage.context}\n{text}" if passage.context else text


def context_line(document: Document, offset: int) -> str:
    """Title, period and headings over `offset`: what the sentences there leave unsaid. At most 120 characters."""
    above = [section for section in document.sections if section.start <= offset < section.end]
    headings = [section.title[:_HEADING_CHARS] for section in above]
    titled = document.text.startswith(document.title + "\n")  # else the title is only the text's first words
    title = document.title[:_TITLE_CHARS] if titled else ""
    period = _period(document, offset)
    if period and any(period.rstrip("年") in part for part in (title, *headings)):
        period = ""
    return " ".join(filter(None, (title, period, *headings)))[:_CONTEXT_CHARS]


def _period(document: Document, offset: int) -> str:
    """The period spoken of: of the last heading that names a year, else of a note, the title, the text, the date."""
    dated = [period for s in document.sections if s.start <= offset and (period := _named(s.title))]
    if dated:
        return dated[-1]
    note = _NOTE.search(document.text)
    for source in (note.group() if note else "", document.title):
        if period := _named(source):
            return period
    if document.date and not years(document.text):
        return f"{document.date[:4]}年"
    counts = Counter(years(document.text))
    if document.date and document.date[:4] in counts:
        return f"{document.date[:4]}年"
    frequent = sorted(counts, key=lambda year: (counts[year], year))[-2:]
    return "、".join(f"{year}年" for year in sorted(frequent) if counts[year] * 3 >= max(counts.values()))


def _named(text: str) -> str:
    match = _PERIOD.search(text)
    return match.group() if match else ""


def _bounded(
    text: str, spans: Sequence[tuple[int, int]], count_tokens: CountTokens, budget: int
) -> list[tuple[int, int]]:
    """Sentences, with those over the budget cut into pieces within it."""
    # A token covers at least one character, so only a text longer than the budget can be over it.
    bounded: list[tuple[int, int]] = []
    for start, end in spans:
        if end - start <= budget or count_tokens([text[start:end]])[0] <= budget:
            bounded.append((start, end))
            continue
        while end - start > budget:
            cuts = [m.end() for m in _CUT.finditer(text, start + budget // 4, start + budget)]
            cut = cuts[-1] if cuts else start + budget
            bounded.append((start, cut))
            start = cut
        bounded.append((start, end))
    return [(a, b) for a, b in bounded if text[a:b].strip()]
