"""Letters (.eml), with the standard library: who wrote to whom, when and what; what is attached is a file within."""

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


def read(source: Source) -> Iterator[Part | Member]:
    """The lines are those of the letter's own text, its head on the first."""
    letter = email.message_from_bytes(source.data, policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    if sum(1 for _ in letter.walk()) > source.limits.members + 1:  # before the heads of all parts are made sense of
        source.over("attachments", "附件数", source.limits.members)
    subject = tidy(str(letter["Subject"] or ""))
    head = [Line(f"{name}: {tidy(str(letter[name]))}", 1) for name in _SHOWN if letter[name]]
    paragraphs = [Paragraph((line,), Kind.ITEM, settled=True) for line in head]
    body = letter.get_body(("plain", "html"))
    if isinstance(body, EmailMessage):
        paragraphs.extend(_body(source, body))
    yield Part(tuple(paragraphs), title=subject, date=_date(letter), loose=True)
    members = (part for part in letter.iter_attachments() if isinstance(part, EmailMessage))
    for number, part in enumerate(members, 1):
        name = part.get_filename() or f"{number}{'.eml' if part.get_content_type() == 'message/rfc822' else ''}"
        yield Member(name, _content(part))


def _body(source: Source, body: EmailMessage) -> Iterator[Paragraph]:
    data = _content(body)
    try:
        if body.get_content_subtype() == "html":
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
