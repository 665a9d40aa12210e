"""Cleaned paragraphs -> articles: several of one file told apart by what repeats, their titles and dates found."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import regex

from rag.documents.clean import clean, mark, rejoined
from rag.documents.lines import date_line, display_width, is_terminal, without_bullet
from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers import Part
from rag.text import find_date

_TITLE_WIDTH = 90.0
_HEADLINE_WIDTH = 16.0
_TITLE_AMONG = 4  # a title stands among the first paragraphs
_MIN_BODY = 60.0  # display width of the text that makes a title line an article's where no sentence of it ends
_SURE_OF_PATTERN = 3  # articles from which on what stands outside the pattern is furniture, however long
_COLUMN_TAG = regex.compile(r"^[【\[][^】\]]{1,20}[】\]]\s*")
_DATED_HEAD = 3  # paragraphs whose own dates may be the document's


@dataclass(frozen=True, slots=True)
class Article:
    title: Paragraph | None
    body: tuple[Paragraph, ...]
    date: str | None


def articles_of(part: Part) -> list[Article]:
    """What a part holds: several articles only where the format says nothing of its own."""
    if part.loose and not part.title and not part.date:
        return _a_line_each(part.paragraphs) or _articles(clean(part.paragraphs))
    paragraphs = clean(part.paragraphs) if part.loose else mark(rejoined(part.paragraphs))
    prose = any(paragraph.kind is not Kind.ITEM for paragraph in paragraphs)  # a table does not open with its title
    article = _single(paragraphs) if prose else Article(None, tuple(paragraphs), None)
    return [replace(article, date=part.date or article.date)]


# --- an article a line -------------------------------------------------------------------------------------------

_LONG_LINE = 100.0  # display width: an article, and not an entry of a list or a log
_FEWEST_LINES = 3
_MOST, _HALF = 0.9, 0.5  # shares of the lines
_HEAD = 60  # characters at the beginning of a line that its date and label stand in
_LABEL = regex.compile(r"[\P{L}年月日]*?(\p{L}{1,12}\s?[:：])")
_STAMP = regex.compile(
    r"[\[【（(]?\s*(?:19|20)\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[\sT]+\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?"
    r"(?:\s*[\]】）)]|(?=[\s|｜]))"
)


def _a_line_each(paragraphs: Sequence[Paragraph]) -> list[Article]:
    """The articles of a file that has one a line, as "2024-01-25 09:30，正文：…" or "[2024/01/25] …"; [] for any other.

    Nearly all its lines are as long as articles and begin alike: with fields that end in the same label, most of them
    with a date, or with dates of the same form. Fields before a label are no text; a date by itself stays, since in a
    chronicle it is what was to be told. A line that begins otherwise goes on from the article above it.
    """
    lines = [paragraph.lines[0].text for paragraph in paragraphs]
    long = sum(display_width(paragraph.text) >= _LONG_LINE for paragraph in paragraphs)
    if len(lines) < _FEWEST_LINES or long < _MOST * len(lines):
        return []
    opens = _by_label(lines) or _by_stamp(lines)
    return list(_opened(paragraphs, opens)) if opens else []


_Opens = Callable[[str], tuple[int, str] | None]
"""line -> (where its text begins, what stands there of its date); None where no article begins."""


def _by_label(lines: Sequence[str]) -> _Opens | None:
    labels = Counter(found[1] for line in lines if (found := _LABEL.match(line[:_HEAD])))
    label, count = labels.most_common(1)[0] if labels else ("", 0)

    def opens(line: str) -> tuple[int, str] | None:
        at = line.find(label, 0, _HEAD)
        return None if at < 0 else (at + len(label), line[:at])

    heads = [head for _, head in filter(None, map(opens, lines))]
    dated = sum(find_date(head) is not None for head in heads)
    return opens if min(count, dated) >= _HALF * len(lines) and len(heads) >= _MOST * len(lines) else None


def _by_stamp(lines: Sequence[str]) -> _Opens | None:
    forms = Counter(regex.sub(r"\d+", "#", found[0]) for line in lines if (found := _STAMP.match(line)))
    if not forms or max(forms.values()) < _MOST * len(lines):
        return None

    def opens(line: str) -> tuple[int, str] | None:
        stamp = _STAMP.match(line)
        return (0, stamp[0]) if stamp else None

    return opens


def _opened(paragraphs: Sequence[Paragraph], opens: _Opens) -> Iterator[Article]:
    gathered: list[Paragraph] = []
    date: str | None = None
    for paragraph in paragraphs:
        first, *rest = paragraph.lines
        found = opens(first.text)
        if not found:
            gathered.append(paragraph)
            continue
        if gathered:
            yield Article(None, tuple(clean(gathered)), date)
        start, head = found
        dated = find_date(head)
        date = dated[0] if dated else None
        gathered = [replace(paragraph, lines=(Line(first.text[start:].strip(), first.number), *rest))]
    yield Article(None, tuple(clean(gathered)), date)


# --- articles that repeat a pattern of lines -----------------------------------------------------------------------


def _articles(paragraphs: Sequence[Paragraph]) -> list[Article]:
    """One article, or several where title, body and date repeat; then what stands outside the pattern is page
    furniture, but where the pattern is of two articles alone and much would be lost."""
    dated = [i for i, paragraph in enumerate(paragraphs) if not paragraph.settled and date_line(paragraph.text)]
    if len(dated) >= 2:
        articles = _dated_articles(paragraphs, dated)
        taken = {id(p) for article in articles for p in (article.title, *article.body)}
        taken |= {id(paragraphs[i]) for i in dated}
        outside = sum(display_width(p.text) for p in paragraphs if id(p) not in taken)
        if len(articles) >= _SURE_OF_PATTERN or (len(articles) == 2 and outside < _MIN_BODY):
            return _without_column_tag(articles)
    return [_single(paragraphs)]


def _dated_articles(paragraphs: Sequence[Paragraph], dated: Sequence[int]) -> list[Article]:
    """Articles of the form (title, date, body), (date, title, body) or (title, body, date), whichever the dates stand
    in."""
    dates_follow_titles = sum(i > 0 and _is_title(paragraphs[i - 1]) for i in dated) * 2 > len(dated)
    dates_open = dated[0] == 0 and all(_is_title(p) for i in dated for p in paragraphs[i + 1 : i + 2])
    if dates_open and dated[-1] < len(paragraphs) - 1:
        blocks = [paragraphs[a:b] for a, b in zip(dated, [*dated[1:], len(paragraphs)], strict=True)]
    elif dates_follow_titles:
        starts = [i - 1 for i in dated if i > 0 and _is_title(paragraphs[i - 1])]
        blocks = [paragraphs[a:b] for a, b in zip(starts, [*starts[1:], len(paragraphs)], strict=True)]
    else:
        blocks = [paragraphs[a:b] for a, b in zip([0, *(i + 1 for i in dated)], [i + 1 for i in dated], strict=False)]
    articles = []
    for block in blocks:
        title = next((i for i, paragraph in enumerate(block) if _is_title(paragraph)), None)
        body = [p for p in block[(title or 0) + 1 :] if not date_line(p.text)]
        told = any(is_terminal(p.text) for p in body) or sum(display_width(p.text) for p in body) >= _MIN_BODY
        if title is not None and told:
            date = next(date for p in block if (date := date_line(p.text)))
            articles.append(Article(block[title], tuple(body), date))
    return articles


def _is_title(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return not date_line(text) and display_width(text) <= _TITLE_WIDTH and not is_terminal(text)


def _without_column_tag(articles: Sequence[Article]) -> list[Article]:
    """Titles without the bullet and the tag (【Column】) that all of them carry: those are the site's, not theirs."""
    titles = [without_bullet(article.title.text) for article in articles if article.title]
    found = _COLUMN_TAG.match(titles[0])
    tag = found.group() if found and all(title.startswith(found.group()) for title in titles) else ""
    named = []
    for article, title in zip(articles, titles, strict=True):
        assert article.title is not None
        text = title.removeprefix(tag) or title
        line = Line(text, article.title.lines[0].number)
        named.append(Article(Paragraph((line,), Kind.HEADING, level=1), article.body, article.date))
    return named


def _single(paragraphs: Sequence[Paragraph]) -> Article:
    """The whole file as one article; its title is the first heading, or the first line that could be one."""
    dated = next(
        (p for p in [*paragraphs[:_DATED_HEAD], *paragraphs[-1:]] if not p.settled and date_line(p.text)), None
    )
    date = date_line(dated.text) if dated else None
    body = [p for p in paragraphs if p is not dated]
    head = [p for n, p in enumerate(body[:_TITLE_AMONG]) if n < 2 or (p.kind is Kind.HEADING and p.level == 1)]
    title = next((p for p in head if p.kind is Kind.HEADING and p.level == 1), None)
    title = title or next(
        (p for n, p in enumerate(head) if _is_title(p) and (n == 0 or _is_headline(head[0], p))), None
    )
    if date is None:
        short = [p.text for p in body[:_DATED_HEAD] if p.kind is not Kind.TEXT or display_width(p.text) < _TITLE_WIDTH]
        date = next((match[0] for match in map(find_date, short) if match), None)
    return Article(title, tuple(p for p in body if p is not title), date)


def _is_headline(above: Paragraph, line: Paragraph) -> bool:
    """Whether a line may be the title though another, a caption or a slogan, is printed above it."""
    return display_width(line.text) >= _HEADLINE_WIDTH and not above.text.endswith((":", "："))
