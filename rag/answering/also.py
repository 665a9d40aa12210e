"""Citations -> the same with the other documents that hold the sentence: reprints, a paragraph taken over.

Looked up for what is cited alone. The store proposes by signature; what stands there is read before it is named, since
a sentence with another figure is near by its characters and is another fact. Of a question that only some documents are
asked, only these are named.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.answering.cite import locator
from rag.cache import TextCache
from rag.text import says_same
from rag.types import AlsoIn, Citation, Filter, NearSentence, Store
from rag.types.filters import meets

_NAMED, _READ = 100, 300
"""Documents that are named at most, and read for it: a disclaimer may stand in all of them."""


def add_places(
    citations: Sequence[Citation], store: Store, texts: TextCache, filters: Filter | None
) -> tuple[Citation, ...]:
    return tuple(replace(one, also_in=also_in(one, store, texts, filters)) for one in citations)


def add_places_near(
    nearest: Sequence[NearSentence], store: Store, texts: TextCache, filters: Filter | None
) -> tuple[NearSentence, ...]:
    return tuple(replace(one, citation=add_places([one.citation], store, texts, filters)[0]) for one in nearest)


def also_in(citation: Citation, store: Store, texts: TextCache, filters: Filter | None) -> tuple[AlsoIn, ...]:
    """The other documents that hold the cited sentence, by path; the first place in each. Only such as meet
    `filters`, and a hundred at most."""
    asked = meets(filters or Filter())
    text = texts.document(citation.document_id).text
    found: dict[str, AlsoIn] = {}
    read: set[str] = set()
    for at in store.alike(citation.quote):
        if at.document_id == citation.document_id or at.document_id in found:
            continue
        read.add(at.document_id)
        if len(found) == _NAMED or len(read) > _READ:
            break
        other = texts.document(at.document_id)
        if not asked(other.path, other.date, other.metadata):
            continue
        if says_same(text, (citation.start, citation.end), other.text, (at.start, at.end)):
            found[other.id] = AlsoIn(
                document_id=other.id,
                path=other.path,
                title=other.title,
                date=other.date,
                locator=locator(other, at.start, at.end),
                start=at.start,
                end=at.end,
                quote=other.text[at.start : at.end],
            )
    return tuple(found.values())
