"""E-books (.epub): the chapters in reading order, as their package says."""

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from rag.documents.paragraphs import Line, Paragraph
from rag.documents.readers.blocks import blocks
from rag.documents.readers.packed import member, open_packed
from rag.documents.readers.part import Part, Source, tidy
from rag.text import find_date

_CONTAINER = "META-INF/container.xml"
_KINDS = ("application/xhtml+xml", "text/html")


def read(source: Source) -> Iterator[Part]:
    import lxml.html

    with open_packed(source) as packed:
        root = _xml(source, member(source, packed, _CONTAINER))
        package_at = next((one.get("full-path") for one in root.iter("{*}rootfile")), None) or ""
        package = _xml(source, member(source, packed, package_at))
        folder = posixpath.dirname(package_at)
        items = {one.get("id"): one for one in package.iter("{*}item")}
        chapters = [item for ref in package.iter("{*}itemref") if (item := items.get(ref.get("idref"))) is not None]
        if len(chapters) > source.limits.pages:
            source.over("chapters", "章节数", source.limits.pages)
        paragraphs: list[Paragraph] = []
        for number, item in enumerate(chapters, 1):
            if item.get("media-type") not in _KINDS or "nav" in (item.get("properties") or "").split():
                continue
            name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
            data = member(source, packed, name)
            if data.strip():
                parser = lxml.html.HTMLParser(no_network=True, encoding=None if b"encoding" in data[:200] else "utf-8")
                tree = lxml.html.document_fromstring(data, parser=parser)
                paragraphs.extend(_of_chapter(paragraph, number) for paragraph in blocks(tree))
    titles = [tidy("".join(one.itertext())) for one in package.iter("{http://purl.org/dc/elements/1.1/}title")]
    dates = [find_date(one.text or "") for one in package.iter("{http://purl.org/dc/elements/1.1/}date")]
    date = next((one[0] for one in dates if one), None)
    yield Part(tuple(paragraphs), unit="ch", title=next(filter(None, titles), ""), date=date)


def _xml(source: Source, data: bytes) -> Any:
    import lxml.etree

    if not data:
        source.damaged("no package of a book inside", "缺少电子书的包文件")
    return lxml.etree.fromstring(data, lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _of_chapter(paragraph: Paragraph, number: int) -> Paragraph:
    lines = tuple(Line(line.text, number) for line in paragraph.lines)
    return Paragraph(lines, paragraph.kind, paragraph.level, settled=True)
