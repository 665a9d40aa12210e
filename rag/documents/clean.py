"""Raw lines -> paragraphs as their author wrote them: wrapped lines joined, headings apart, furniture and repeats
left out.

Every rule is about form (how lines end and begin, how wide they are, what repeats), never about a file's own words.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import regex

from rag.documents.lines import (
    date_line,
    display_width,
    heading_level,
    is_closed,
    is_furniture,
    is_item,
    is_terminal,
    looks_like_heading,
    tidy,
)
from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.text import fold, has_han, word_spans_boundary

_CANNOT_START = "，,。.；;：:！!？?、）)】》”’」』％%"
_CANNOT_END = "，,、（(“‘「『《【"
_PAIRS = (("“", "”"), ("（", "）"), ("(", ")"), ("《", "》"))
_BRACKETS = frozenset(itertools.chain.from_iterable(_PAIRS))
_CLAUSE = regex.compile(r"[，,；;、]")
_ENUMERATED = regex.compile(
    r"(?<=[。！？!?；;：:”）)])\s*(?=[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[)）])"
)
_INLINE_HEADING = regex.compile(
    r"^((?:[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[)）])[^，,。；;！？!?\s]{2,40})\s+(?=\S)"
)
_SENTENCE_INSIDE = regex.compile(r"[。！？；].*[^。！？；]")  # a sentence ended here and another began: running text

_ENGLISH_INSIDE = regex.compile(r"\p{Ll}[.!?]\s+\p{Lu}")

_SLACK = 2.0  # a full line may be this much narrower, for a mark that may not begin the next line
_LONG = 60.0  # display width beyond which an unfinished line is running text, whatever its neighbours
_NARROWEST = 8.0  # a column narrower than this is a list of labels
_LOOK_AHEAD = 3  # captions that may stand between two halves of a sentence
_FEWEST_ACROSS = 4  # ends that words run across, in a print
_ACROSS = 0.15  # of all ends
_COLUMN = 12.0  # display width of a line in it, at the least: shorter ones are a list's
_REPEAT_MIN = 20  # characters; shorter paragraphs may honestly repeat


def clean(raw: Sequence[Paragraph]) -> list[Paragraph]:
    """Joined, marked, without furniture and repeats; source lines kept."""
    kept = [_tidied(p) for p in raw if p.settled or not is_furniture(p.text)]
    joined = _join([p for p in kept if p.text])
    parts = [part for paragraph in joined for part in _split_inline(paragraph)]
    return _without_repeats(_without_menus(mark(parts)))


def rejoined(paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """Paragraphs as a format gives them, joined where they are the lines of a print, as pasted from a scan: there words
    run across their ends again and again."""
    found: list[Paragraph] = []
    for kind, run in itertools.groupby(paragraphs, lambda paragraph: paragraph.kind):
        lines = list(run)
        if kind is Kind.TEXT and _is_print(lines):
            lines = _join([replace(line, settled=False) for line in lines])
        found.extend(lines)
    return found


def _is_print(lines: Sequence[Paragraph]) -> bool:
    if len(lines) < _FEWEST_ACROSS:
        return False
    # A list, or verse, may begin its lines in lower case; in prose one sentence ends and another begins within a line.
    prose = any(_SENTENCE_INSIDE.search(line.text) or _ENGLISH_INSIDE.search(line.text) for line in lines)
    across = sum(
        display_width(left.text) >= _COLUMN
        and not is_terminal(left.text)
        and (prose or not right.text[0].islower())
        and _Open(left).must_go_on(right)
        for left, right in itertools.pairwise(lines)
    )
    return across >= max(_FEWEST_ACROSS, len(lines) * _ACROSS)


def _tidied(paragraph: Paragraph) -> Paragraph:
    """White space that typesetting put between Chinese characters taken out; where it parts phrases, kept."""
    return replace(paragraph, lines=tuple(Line(tidy(line.text), line.number) for line in paragraph.lines))


# --- joining -----------------------------------------------------------------------------------------------------


class _Open:
    """A paragraph that may go on. What is asked of its text is kept along, since it may be a book of one sentence."""

    def __init__(self, first: Paragraph) -> None:
        self._first, self._lines = first, list(first.lines)
        self.settled, self.tail = first.settled, first.lines[-1].text
        self.running, self.width = False, 0.0
        self._brackets: Counter[str] = Counter()
        self._read(first)

    def _read(self, part: Paragraph) -> None:
        self.running = self.running or _CLAUSE.search(part.text) is not None
        self.width += display_width(part.text)
        self._brackets.update(character for character in part.text if character in _BRACKETS)

    def append(self, part: Paragraph) -> None:
        self._lines.extend(part.lines)
        self.tail = part.lines[-1].text
        self._read(part)

    def is_full(self, width: float | None) -> bool:
        """Whether its last line fills its column; a first line may lack the width of its indent."""
        indent = 1.0 if len(self._lines) == 1 else 0.0
        return width is not None and display_width(self.tail) >= width - _SLACK - indent

    def must_go_on(self, right: Paragraph) -> bool:
        """Its last line and `right` cannot be parted: punctuation, an open quotation or a word runs across."""
        tail, head = self.tail, right.lines[0].text
        if head[0] in _CANNOT_START or head[0].islower() or tail[-1] in _CANNOT_END:
            return True
        return self._closes(head) or (len(tail) >= 6 and word_spans_boundary(tail, head))

    def _closes(self, head: str) -> bool:
        for opener, closer in _PAIRS:
            if self._brackets[opener] > self._brackets[closer]:
                closing, opening = head.find(closer), head.find(opener)
                if closing >= 0 and (opening < 0 or closing < opening):
                    return True
        return False

    def paragraph(self) -> Paragraph:
        return replace(self._first, lines=tuple(self._lines))


def _join(lines: Sequence[Paragraph]) -> list[Paragraph]:
    widths = _wrap_widths(lines)
    waiting = list(zip(lines, widths, strict=True))[::-1]
    joined: list[Paragraph] = []
    while waiting:
        first, width = waiting.pop()
        left = _Open(first)
        while waiting:
            ahead = _continuation(left, width, waiting)
            if ahead is None:
                break
            right, width = waiting.pop(-1 - ahead)
            left.append(right)
        joined.append(left.paragraph())
    return joined


def _continuation(left: _Open, width: float | None, waiting: Sequence[tuple[Paragraph, float | None]]) -> int | None:
    """How many paragraphs ahead the rest of `left` stands (0: the next one), or None where `left` is complete."""
    tail = left.tail
    if left.settled or is_terminal(tail) or date_line(tail):
        return None
    right = waiting[-1][0]
    may = _may_continue(right)
    if may and left.must_go_on(right):
        return 0
    if left.running and left.width >= _LONG / 2:
        for ahead, (candidate, _) in enumerate(waiting[-2 : -2 - _LOOK_AHEAD : -1], 1):
            skipped = waiting[-ahead][0]
            if display_width(skipped.text) > _LONG or not skipped.gap:
                break
            if _may_continue(candidate) and left.must_go_on(candidate):
                return ahead
    if may and right.gap < 3 and (_SENTENCE_INSIDE.search(tail) or left.is_full(width)):
        return 0
    return 0 if may and left.running and display_width(tail) > _LONG else None


def _may_continue(right: Paragraph) -> bool:
    text = right.text
    return not right.settled and not is_item(text) and not date_line(text) and not is_closed(text)


def _wrap_widths(lines: Sequence[Paragraph], reach: int = 6) -> list[float | None]:
    """For each line the width that its neighbourhood is wrapped at, None where it is not wrapped.

    Wrapped text shows in many lines of nearly the same width; a line as wide as that was broken, not ended. Of the
    lines before, after and around, the most even ones speak, so that a column's first and last lines know their column.
    """
    sizes = [display_width(line.text) for line in lines]
    return [
        max(
            _evenness(sizes[max(0, i - before) : i + after + 1])
            for before, after in ((reach, 0), (0, reach), (reach // 2, reach // 2))
        )[1]
        for i in range(len(sizes))
    ]


def _evenness(near: Sequence[float]) -> tuple[float, float | None]:
    """(share of full lines, the width that most of them reach); no width where too few lines are full to call it
    wrapped."""
    top = max(near)
    full = sorted(size for size in near if size >= top - _SLACK - 1)
    wrapped = _NARROWEST <= top <= _LONG and len(full) >= 4 and len(full) * 2 >= len(near)
    return (len(full) / len(near), full[len(full) // 4]) if wrapped else (0.0, None)


# --- structure ---------------------------------------------------------------------------------------------------


def _split_inline(paragraph: Paragraph) -> list[Paragraph]:
    """A paragraph that holds numbered parts (一、 （二）) in one run becomes one paragraph a part, headings apart."""
    if paragraph.settled or not has_han(paragraph.text):
        return [paragraph]
    text, marks = paragraph.text, paragraph.offsets()
    cuts = [0, *(match.end() for match in _ENUMERATED.finditer(text) if match.end()), len(text)]
    parts = []
    for start, end in itertools.pairwise(cuts):
        heading = _INLINE_HEADING.match(text[start:end])
        if heading:
            middle = start + heading.end(1)
            parts.append(replace(_slice(paragraph, text, marks, start, middle), kind=Kind.HEADING))
            start = middle
        part = _slice(paragraph, text, marks, start, end)
        if part.lines:
            parts.append(part)
    return parts


def _slice(paragraph: Paragraph, text: str, marks: list[tuple[int, int]], start: int, end: int) -> Paragraph:
    bounds = [*marks, (len(text), 0)]
    lines = []
    for (a, number), (b, _) in itertools.pairwise(bounds):
        piece = text[max(a, start) : min(b, end)].strip()
        if piece:
            lines.append(Line(piece, number))
    return replace(paragraph, lines=tuple(lines))


def mark(paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """Headings and list items told from running text; headings that follow each other nest."""
    marked: list[Paragraph] = []
    run = 0
    for paragraph in paragraphs:
        text = paragraph.text
        kind = paragraph.kind
        if kind is Kind.TEXT and not date_line(text):
            if looks_like_heading(text):
                kind = Kind.HEADING
            elif is_item(text) and display_width(text) <= 2 * _LONG:
                kind = Kind.ITEM
        run = run + 1 if kind is Kind.HEADING else 0
        level = paragraph.level or (heading_level(text, run) if kind is Kind.HEADING else 0)
        marked.append(replace(paragraph, kind=kind, level=level))
    return marked


def _without_menus(paragraphs: Sequence[Paragraph], least: int = 4, width: float = 12.0) -> list[Paragraph]:
    """Without the run of short labels that a page may open or close with: navigation, buttons, tags.

    A list within the text, or under a line that announces one, is no menu; a file of nothing but labels is kept whole.
    """
    labels = [_is_label(paragraph, width) for paragraph in paragraphs]
    if all(labels):
        return list(paragraphs)
    first, last = labels.index(False), len(labels) - labels[::-1].index(False)
    # The last label of an opening run may be the heading of the text that follows.
    start = first - 1 if first > least else 0
    announced = paragraphs[last - 1].text.endswith((":", "："))
    end = last if len(labels) - last >= least and not announced else len(labels)
    return list(paragraphs[start:end])


def _is_label(paragraph: Paragraph, width: float) -> bool:
    text = paragraph.text
    return (
        not paragraph.settled
        and display_width(text) <= width
        and not is_terminal(text)
        and not any(map(str.isdigit, text))
    )


def _without_repeats(paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """A paragraph printed twice is kept once; so is a heading that runs on every page."""
    forms = [fold(regex.sub(r"\s", "", paragraph.text)) for paragraph in paragraphs]
    counts = Counter(forms)
    seen: set[str] = set()
    kept = []
    for paragraph, form in zip(paragraphs, forms, strict=True):
        running_head = paragraph.kind is Kind.HEADING and counts[form] >= 3
        if form in seen and (len(form) >= _REPEAT_MIN or running_head) and not date_line(paragraph.text):
            continue
        seen.add(form)
        kept.append(paragraph)
    return kept
