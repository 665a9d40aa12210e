"""Zip archives: each file within is read as a file of its own, cited as archive.zip/inner/path."""

from collections.abc import Iterator
from dataclasses import replace

from rag.documents.readers.packed import member, open_packed
from rag.documents.readers.part import Member, Source, inner_name
from rag.errors import DocumentError

_UTF8 = 0x800


def read(source: Source) -> Iterator[Member | DocumentError]:
    """The files within; for one that is damaged, the error that names it."""
    with open_packed(source) as packed:
        for info in packed.infolist():
            name = _name(info.filename, utf8=bool(info.flag_bits & _UTF8))
            hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
            if not info.is_dir() and name and not hidden:
                try:
                    found = Member(name, member(replace(source, path=f"{source.path}/{name}"), packed, info))
                except DocumentError as error:
                    yield error
                else:
                    yield found


def _name(given: str, *, utf8: bool) -> str:
    """A path that stays within the archive. Without a mark, Chinese systems mean GBK where `zipfile` reads cp437."""
    if not utf8:
        for encoding in ("utf-8", "gb18030"):
            try:
                given = given.encode("cp437").decode(encoding)
                break
            except UnicodeError:
                continue
    return inner_name(given.replace("\\", "/"))
