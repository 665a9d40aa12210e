"""Lines of printed pages -> paragraphs that know their page: running heads dropped, headings told by their size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.layout import Printed

_EDGE = 2  # lines at the head and the foot of a page that may be furniture
_SAME_HEIGHT = 12  # points, give or take as many: a scanned sheet lies elsewhere each time
_LARGER = 1.12  # times the size of the running text: a heading
_LONGEST_HEADING = 80  # characters


def paragraphs_of(pages: Sequence[Sequence[Printed]]) -> tuple[Paragraph, ...]:
    """The paragraphs of all pages, numbered by page."""
    return tuple(_paragraphs(_without_running_heads(pages)))


def _without_running_heads(pages: Sequence[Sequence[Printed]]) -> list[Sequence[Printed]]:
    """Without the lines at head and foot that other pages print too, whatever number stands in them."""
    ends = [{*range(min(_EDGE, len(page))), *range(max(0, len(page) - _EDGE), len(page))} for page in pages]
    counts: Counter[tuple[str, int]] = Counter()
    for page, end in zip(pages, ends, strict=True):
        forms = {_running(page[n]) for n in end}
        counts.update({(text, height + off) for text, height in forms for off in (-1, 0, 1)})
    least = max(2, -(-len(pages) * 3 // 10))
    kept: list[Sequence[Printed]] = []
    for page, end in zip(pages, ends, strict=True):
        kept.append(
            [line for n, line in enumerate(page) if n not in end or line.cells or counts[_running(line)] < least]
        )
    return kept


def _running(line: Printed) -> tuple[str, int]:
    """What stays the same from page to page: the text without numbers, and about how high it stands."""
    return regex.sub(r"[0-9一二三四五六七八九十ivxlc]+", "#", line.text), round(line.top / _SAME_HEIGHT)


def _paragraphs(pages: Sequence[Sequence[Printed]]) -> Iterator[Paragraph]:
    sizes = [line.size for page in pages for line in page for _ in range(0, len(line.text), 10)]
    body = median(sizes) if sizes else 0.0
    ranks = sorted({round(line.size) for page in pages for line in page if _is_heading(line, body)}, reverse=True)
    lines = _whole_words([(number, line) for number, page in enumerate(pages, 1) for line in page])
    heading: Paragraph | None = None
    previous: Printed | None = None
    for number, line in lines:
        if _is_heading(line, body):
            level = min(ranks.index(round(line.size)) + 1, 6)
            near = previous is not None and line.top - previous.top < 2.2 * line.size
            if heading is not None and heading.level == level and near and heading.lines[-1].number == number:
                heading = replace(heading, lines=(*heading.lines, Line(line.text, number)))
            else:
                if heading is not None:
                    yield heading
                heading = Paragraph((Line(line.text, number),), Kind.HEADING, level, settled=True)
        else:
            if heading is not None:
                yield heading
                heading = None
            if line.cells:
                yield Paragraph((Line(line.text, number),), Kind.ITEM, settled=True)
            else:
                yield Paragraph((Line(line.text, number),), gap=line.gap)
        previous = line
    if heading is not None:
        yield heading


def _is_heading(line: Printed, body: float) -> bool:
    return (
        line.size > _LARGER * body
        and len(line.text) <= _LONGEST_HEADING
        and not line.cells
        and sum(map(str.isalpha, line.text)) >= 2
    )


def _whole_words(lines: list[tuple[int, Printed]]) -> list[tuple[int, Printed]]:
    """Words that a hyphen parts at the end of a line put together on the first of the two."""
    for at in range(len(lines) - 1):
        (number, line), (after, below) = lines[at], lines[at + 1]
        head, _, rest = below.text.partition(" ")
        if regex.search(r"\p{Ll}[-\u00ad\u2010]$", line.text) and regex.match(r"\p{Ll}", head) and rest:
            lines[at] = number, replace(line, text=line.text[:-1] + head)
            lines[at + 1] = after, replace(below, text=rest)
    return lines
