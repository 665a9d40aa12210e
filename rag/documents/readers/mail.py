"""Letters (.eml), with the standard library: who wrote to whom, when and what; what is attached is a file within."""

import codecs
import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers import html
from rag.documents.readers.encoding import decode, decode_as
from rag.documents.readers.part import Member, Part, Source, tidy
from rag.documents.readers.text import loose_lines
from rag.errors import EmptyFileError

_SHOWN = ("From", "To", "Cc", "Date")
_BODIES = ("plain", "html")  # likelier first
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")


def read(source: Source) -> Iterator[Part | Member]:
    """The lines are those of the letter's own text, its head on the first."""
    letter = email.message_from_bytes(source.data, policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    if sum(1 for _ in letter.walk()) > source.limits.members + 1:  # before the heads of all parts are made sense of
        source.over("attachments", "附件数", source.limits.members)
    subject = tidy(str(letter["Subject"] or ""))
    head = [Line(f"{name}: {tidy(str(letter[name]))}", 1) for name in _SHOWN if letter[name]]
    paragraphs = [Paragraph((line,), Kind.ITEM, settled=True) for line in head]
    body = letter.get_body(_BODIES)
    if isinstance(body, EmailMessage):
        paragraphs.extend(_body(source, body))
    yield Part(tuple(paragraphs), title=subject, date=_date(letter), loose=True)
    for number, part in enumerate(_attached(letter, body), 1):
        name = part.get_filename() or f"{number}{'.eml' if part.get_content_type() == 'message/rfc822' else ''}"
        yield Member(name, _content(part))


def _attached(part: EmailMessage, body: object, *, said: bool = False) -> Iterator[EmailMessage]:
    """What is neither the letter's text nor the same text in another form, nor part of how either looks.

    `said`: text within has been told in another form.
    """
    kind = part.get_content_type()
    if kind.startswith("multipart/"):
        alternative = kind == "multipart/alternative"
        own = part.get_body(_BODIES) if alternative and not said else None
        if isinstance(own, EmailMessage) and own is not body:
            yield own
        for inner in part.iter_parts():
            if isinstance(inner, EmailMessage):
                yield from _attached(inner, body, said=said or alternative)
        return
    named = part.is_attachment() or part.get_filename() is not None
    again = said and part.get_content_maintype() == "text" and not named
    shown = part.get_content_maintype() == "image" and "Content-ID" in part and not part.is_attachment()
    if part is not body and not again and not shown and kind not in _SIGNATURES:
        yield part


def _body(source: Source, body: EmailMessage) -> Iterator[Paragraph]:
    data = _content(body)
    try:
        if body.get_content_subtype() == "html":
            said = decode_as(data, body.get_content_charset() or "")
            if said is not None:  # before what the page says of itself
                data = codecs.BOM_UTF8 + said.encode("utf-8", "replace")
            for part in html.read(replace(source, data=data)):
                yield from part.paragraphs
            return
        said = decode_as(data, body.get_content_charset() or "utf-8")
        text = decode(data, source.path) if said is None else said
    except EmptyFileError:
        return
    yield from loose_lines(text.replace("\r\n", "\n").replace("\r", "\n"))


def _content(part: EmailMessage) -> bytes:
    if part.get_content_maintype() == "message":
        inner = part.get_payload(0)
        return inner.as_bytes() if hasattr(inner, "as_bytes") else b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _date(letter: EmailMessage) -> str | None:
    try:
        return parsedate_to_datetime(str(letter["Date"])).date().isoformat()
    except (TypeError, ValueError):
        return None
