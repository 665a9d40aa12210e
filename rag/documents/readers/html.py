"""Web pages: trafilatura says which text is the page's own and what it is called, lxml where it stands."""

import codecs
from collections.abc import Iterator
from typing import Any

import regex

from rag.documents.paragraphs import Kind, Paragraph
from rag.documents.readers.blocks import blocks
from rag.documents.readers.encoding import decode, decode_as
from rag.documents.readers.part import Part, Source, tidy
from rag.text import find_date

_CHARSET = regex.compile(rb"<(?:meta|\?xml)[^<>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{2,30})", regex.I)
_FURNITURE = ("nav", "header", "footer", "aside", "form", "menu", "dialog")
_ROW = regex.compile(r"[:：]| \| ")  # in the words of a row of a table
_CELLS = regex.compile(r"[，：|\s]|[,:](?=\s)")  # between them
_SOLID = 25  # characters; a shorter block may stand in the menu as well as in the text
_DATES = (
    '//meta[@property="article:published_time" or @name="article:published_time"]/@content',
    '//meta[@itemprop="datePublished" or @name="datePublished"]/@content',
    '//meta[@name="pubdate" or @name="PubDate" or @name="publishdate" or @name="publish-date"]/@content',
    '//meta[@name="date" or @name="Date" or @name="DC.date" or @name="dc.date"]/@content',
    "//article//time/@datetime",
)


def read(source: Source) -> Iterator[Part]:
    tree = parsed(source)
    found = list(blocks(tree))
    own = _own(source, tree, found)
    titles = [*tree.xpath('//meta[@property="og:title"]/@content'), *(one.text or "" for one in tree.iter("title"))]
    first = next((p.text for p in own if p.kind is Kind.HEADING and p.level == 1), "")
    title = first or next((tidy(one) for one in titles if one.strip()), "")
    dates = (find_date(str(value)) for path in _DATES for value in tree.xpath(path))
    date = next((one[0] for one in dates if one), None)
    yield Part(tuple(own), title=title, date=date)


def parsed(source: Source) -> Any:
    """The tree of a page; entities from elsewhere are never fetched."""
    import lxml.html

    text = html_text(source)
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    text = regex.sub(r"\A\s*<\?xml[^>]*\?>", "", text)  # lxml refuses text that says in which encoding it was
    tree = lxml.html.document_fromstring(text, parser=parser)
    for element in list(tree.iter("script", "style", "noscript", "template")):
        element.drop_tree()
    return tree


def html_text(source: Source) -> str:
    """As the page says that it is encoded, where it says so and that is true; else, or with a mark, as any text."""
    said = None if source.data.startswith(codecs.BOM_UTF8) else _CHARSET.search(source.data[:4096])
    if said:
        text = decode_as(source.data, said.group(1).decode())
        if text is not None:
            return text.replace("\r\n", "\n")
    return decode(source.data, source.path).replace("\r\n", "\n")


def _own(source: Source, tree: Any, found: list[Paragraph]) -> list[Paragraph]:
    """The blocks that are the page's own text: those that trafilatura keeps, with what stands between them.

    A page too small for it to say keeps all but what its tags call navigation.
    """
    import lxml.html
    import trafilatura

    kept = trafilatura.extract(
        lxml.html.tostring(tree, encoding="unicode"), include_comments=False, include_tables=True, favor_recall=True
    )
    form = _form(kept or "")
    solid = [n for n, block in enumerate(found) if len(own := _form(block.text)) >= _SOLID and own in form]
    if not solid:
        for element in list(tree.iter(*_FURNITURE)):
            element.drop_tree()
        return list(blocks(tree))
    first, last = solid[0], solid[-1]
    while first > 0 and (_within(found[first - 1], form) or found[first - 1].kind is Kind.HEADING):
        first -= 1
    while last + 1 < len(found) and _within(found[last + 1], form):
        last += 1
    between = set(range(first, last + 1))
    return [block for n, block in enumerate(found) if n in between and (_within(block, form) or _stays(block))]


def _stays(block: Paragraph) -> bool:
    """Headings and rows of tables within the text, which an extractor words otherwise than we do."""
    return block.kind is Kind.HEADING or (block.kind is Kind.ITEM and regex.search("[:：]", block.text) is not None)


def _within(block: Paragraph, form: str) -> bool:
    """Whether it is in what was kept; of a row, which we word otherwise, each cell."""
    row = block.kind is Kind.ITEM and _ROW.search(block.text) is not None
    return bool(own := _form(block.text)) and (
        own in form or (row and all(_form(cell) in form for cell in _CELLS.split(block.text)))
    )


def _form(text: str) -> str:
    """Letters and figures alone: between cells an extractor puts other marks than we do."""
    return regex.sub(r"[^\p{L}\p{N}]+", "", text)
