"""The one door: which format bytes are, by their content before their name, and what its reader finds in them."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import regex

from rag.documents.readers import (
    archive,
    docx,
    epub,
    html,
    mail,
    markdown,
    pdf,
    picture,
    pptx,
    records,
    table_text,
    text,
    xlsx,
)
from rag.documents.readers.encoding import decode
from rag.documents.readers.packed import member, open_packed
from rag.documents.readers.part import Member, Part, Read, Source, inner_name, reason_of
from rag.errors import DamagedFileError, DocumentError, FormatUnknownError, LimitError, NotTextError, ProtectedFileError


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    suffixes: tuple[str, ...]
    read: Read
    chinese: str = ""  # where that is another name


_TYPES = "[Content_Types].xml"
_OFFICE = b"application/vnd.openxmlformats-officedocument."
_WITH_MACROS = {  # or shown at once: what else a document of these is called, and what the libraries open
    b"application/vnd.ms-word.document.macroEnabled.main+xml": _OFFICE + b"wordprocessingml.document.main+xml",
    _OFFICE + b"presentationml.slideshow.main+xml": _OFFICE + b"presentationml.presentation.main+xml",
    b"application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml": _OFFICE + b"presentationml.presentation.main+xml",
}


def _as_usual(read: Read) -> Read:
    """A reader also of those Office files whose libraries refuse them by what their main part is called alone."""

    def read_as_usual(source: Source) -> Iterator[Part | Member | DocumentError]:
        with open_packed(source) as packed:
            said = member(source, packed, _TYPES)
            usual = said
            for unusual, known in _WITH_MACROS.items():
                usual = usual.replace(unusual, known)
            if usual != said:
                out = io.BytesIO()
                with zipfile.ZipFile(out, "w") as changed:
                    for name in dict.fromkeys(packed.namelist()):
                        changed.writestr(name, usual if name == _TYPES else member(source, packed, name))
                source = replace(source, data=out.getvalue())
        yield from read(source)

    return read_as_usual


PLAIN = Format("text", (".txt", ".text", ".log"), text.read)
MARKDOWN = Format("Markdown", (".md", ".markdown"), markdown.read)
HTML = Format("HTML", (".html", ".htm", ".xhtml"), html.read)
TABLE = Format("CSV", (".csv", ".tsv"), table_text.read)
JSON = Format("JSON", (".json",), records.read)
JSON_LINES = Format("JSON Lines", (".jsonl", ".ndjson"), records.read_lines)
MAIL = Format("e-mail", (".eml",), mail.read, "电子邮件")
PDF = Format("PDF", (".pdf",), pdf.read)
PICTURE = Format("picture", (".png", ".jpg", ".jpeg", ".tif", ".tiff"), picture.read, "图片")
WORD = Format("Word", (".docx", ".docm"), _as_usual(docx.read))
SLIDES = Format("PowerPoint", (".pptx", ".pptm", ".ppsx"), _as_usual(pptx.read))
EXCEL = Format("Excel", (".xlsx", ".xlsm"), xlsx.read)
OLDER_EXCEL = Format("Excel", (".xls", ".xlsb", ".ods"), xlsx.read_older)
EPUB = Format("EPUB", (".epub",), epub.read)
ZIP = Format("zip", (".zip",), archive.read)

FORMATS = (
    *(PLAIN, MARKDOWN, HTML, TABLE, JSON, JSON_LINES, MAIL),
    *(PDF, PICTURE, WORD, SLIDES, EXCEL, OLDER_EXCEL, EPUB, ZIP),
)
"""Every format that is read. A new one is a module, a row here, and a line below if its content tells it."""

_BY_SUFFIX = {suffix: one for one in FORMATS for suffix in one.suffixes}
_IN_ZIP = (("word/document.xml", WORD), ("ppt/presentation.xml", SLIDES), ("xl/workbook.xml", EXCEL))
_NUMBERED_WORD = regex.compile(r"word/document\d+\.xml")  # as Microsoft 365 saves some
_PDF = b"%PDF-"
_NO_TEXT = regex.compile(rb"[\0-\x08\x0e-\x1f]")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_RTF = b"{\\rtf"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = regex.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html)\b", regex.I | regex.S
)
_MAIL = regex.compile(rb"\A(?:(?:From |[A-Za-z][A-Za-z0-9-]{1,60}:)[^\r\n]*\r?\n(?:[ \t]+[^\r\n]*\r?\n)*){2,}")
_MAIL_FIELDS = regex.compile(rb"^(?:From|Received|Return-Path|MIME-Version|Message-ID):", regex.M | regex.I)
_LONGEST_RECORD = 1_000_000  # bytes of a line that is looked at to tell what a file is
_KINDS = (  # what is known and not read: (first bytes, English, Chinese)
    (b"GIF8", "a picture: save it as PNG", "图片（请存为 PNG）"),
    (b"BM", "a picture: save it as PNG", "图片（请存为 PNG）"),
    (b"RIFF", "a picture, sound or film", "图片、音频或视频"),
    (b"\0\0\0", "a film or a picture", "视频或图片"),
    (b"ID3", "a sound", "音频"),
    (b"OggS", "a sound", "音频"),
    (b"MZ", "a program", "程序"),
    (b"\x7fELF", "a program", "程序"),
    (b"SQLite format 3", "a database", "数据库"),
    (b"\x1f\x8b", "a gzip archive: unpack it", "gzip 压缩包（请先解压）"),
    (b"Rar!", "a RAR archive: unpack it, or save it as zip", "RAR 压缩包（请解压，或改存为 zip）"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it, or save it as zip", "7z 压缩包（请解压，或改存为 zip）"),
    (b"BZh", "a bzip2 archive: unpack it", "bzip2 压缩包（请先解压）"),
    (b"\xfd7zXZ", "an xz archive: unpack it", "xz 压缩包（请先解压）"),
    (_RTF, "an RTF file: save it as .docx", "RTF 文件（请另存为 .docx）"),
)
_NEVER_TEXT = tuple(kind for kind in _KINDS if not kind[0].isascii() or b"\0" in kind[0] or kind[0] == _RTF)


_SNIFFED = 1 << 16  # bytes: enough to tell text from what is none
_LONGEST_CHARACTER = 4  # bytes, in every encoding
_ENTRY = 128  # bytes of the directory of an older Office file


def suffixes() -> tuple[str, ...]:
    """File endings that a format is usually named by."""
    return tuple(_BY_SUFFIX)


def needs_no_library(source: Source) -> bool:
    """Whether the file is plain text or Markdown, for which a few regular expressions do. Raises DocumentError."""
    return not _is_packed(source.data) and format_of(source) in (PLAIN, MARKDOWN)


def _is_packed(data: bytes) -> bool:
    return data.startswith((*_ZIP, _OLE, *_PICTURES))


def _is_pdf(source: Source) -> bool:
    """Whether it begins as one, perhaps after what a printer or a server put before it; a text may speak of PDF."""
    before, mark, _ = source.data[:1024].partition(_PDF)
    if not mark:
        return False
    at_start = not before.strip(b"\xef\xbb\xbf \t\r\n")
    return at_start or source.suffix == ".pdf" or _NO_TEXT.search(before) is not None or not _is_text(source)


def _is_text(source: Source) -> bool:
    try:
        _refuse_binary(source)
    except NotTextError:
        return False
    return True


def format_of(source: Source) -> Format:
    """By content; where that is text of no marked kind, by name. Raises DocumentError."""
    data = source.data
    if data.startswith(_ZIP):
        return _format_of_zip(source)
    if data.startswith(_OLE):
        return _format_of_ole(source)
    if data.startswith(_PICTURES):
        return PICTURE
    if _is_pdf(source):
        return PDF
    _refuse_known(source, _NEVER_TEXT)
    try:
        _refuse_binary(source)
    except NotTextError:
        _refuse_known(source, _KINDS)
        claimed = _BY_SUFFIX.get(source.suffix)
        if claimed not in (None, PLAIN, MARKDOWN):
            assert claimed is not None
            source.damaged(f"not {claimed.name}", f"不是{claimed.chinese or f' {claimed.name}'}")
        raise
    return _format_of_text(source)


def _refuse_known(source: Source, kinds: tuple[tuple[bytes, str, str], ...]) -> None:
    for begin, english, chinese in kinds:
        if source.data.startswith(begin):
            raise FormatUnknownError(path=source.path, kind=english, kind_zh=chinese)


def _refuse_binary(source: Source) -> None:
    """Raises NotTextError where the beginning is text in no encoding; it may end within a character."""
    head = source.data[:_SNIFFED]
    most = 0 if len(head) == len(source.data) else _LONGEST_CHARACTER - 1
    for left_out in range(most + 1):
        try:
            decode(head[: len(head) - left_out], source.path)
        except NotTextError:
            if left_out == most:
                raise
        else:
            return


def _format_of_text(source: Source) -> Format:
    head = source.data[:8192]
    if _HTML.match(head):
        return HTML
    claimed = _BY_SUFFIX.get(source.suffix)
    if claimed in (PLAIN, None) and _MAIL.match(head) and len(_MAIL_FIELDS.findall(head)) >= 2:
        return MAIL
    if (
        claimed in (PLAIN, None)
        and head.lstrip().startswith(b"{")
        and _is_record(source.data.lstrip().split(b"\n", 1)[0])
    ):
        return JSON_LINES
    if claimed in (JSON, JSON_LINES):
        return _format_of_json(source)
    if claimed in (None, PDF, PICTURE, WORD, SLIDES, EXCEL, OLDER_EXCEL, EPUB, ZIP):
        return PLAIN
    return claimed


def _is_record(line: bytes) -> bool:
    try:
        return len(line) < _LONGEST_RECORD and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _format_of_json(source: Source) -> Format:
    """Several lines that are a record each are JSON Lines, whatever the name says."""
    lines = source.data.strip().split(b"\n", 2)
    return JSON_LINES if len(lines) > 1 and all(_is_record(line) for line in lines[:2]) else JSON


def _format_of_zip(source: Source) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as packed:
            names = set(packed.namelist())
            kind = b""
            if "mimetype" in names:
                with packed.open("mimetype") as told:
                    kind = told.read(100)
    except Exception as error:  # noqa: BLE001 - whatever a damaged archive makes of zipfile
        source.damaged(error)
    if b"epub" in kind or "META-INF/container.xml" in names:
        return EPUB
    if b"opendocument.spreadsheet" in kind or "xl/workbook.bin" in names:
        return OLDER_EXCEL
    if b"opendocument" in kind:
        raise FormatUnknownError(
            path=source.path,
            kind="an OpenDocument file: save it as Office or PDF",
            kind_zh="OpenDocument 文件（请另存为 Office 或 PDF）",
        )
    if _TYPES in names and any(map(_NUMBERED_WORD.fullmatch, names)):
        return WORD
    return next((one for name, one in _IN_ZIP if name in names), ZIP)


def _format_of_ole(source: Source) -> Format:
    def holds(name: str) -> bool:
        """Whether an entry of its directory has this name, which a text may mention."""
        sought = regex.escape(f"{name}\0".encode("utf-16-le"))
        starts = (found.start() for found in regex.finditer(sought, source.data))
        return any(at % _ENTRY == 0 or source.data[at - 2 : at] == b"\0\0" for at in starts)

    if holds("EncryptedPackage"):
        raise ProtectedFileError(path=source.path)
    if holds("Workbook") or holds("Book"):
        return OLDER_EXCEL
    raise FormatUnknownError(
        path=source.path,
        kind="an Office file from before 2007: save it as .docx or .pptx",
        kind_zh="2007 年以前的 Office 文件（请另存为 .docx 或 .pptx）",
    )


def read_parts(source: Source) -> Iterator[tuple[str, Part | DocumentError]]:
    """(path, part) for each text in the file and in the files within it, in order; (path, error) for each of those
    that cannot be read. Raises DocumentError where the file itself cannot."""
    yield from _parts(source, _Unpacked(), 0)


class _Unpacked:
    """What the archives within archives came to, all together."""

    def __init__(self) -> None:
        self.members = self.size = 0

    def add(self, source: Source, member: Member) -> None:
        self.members += 1
        self.size += len(member.data)
        limits = source.limits
        if self.members > limits.members:
            source.over("files", "所含文件数", f"{limits.members:,}")
        if self.size > limits.unpacked_megabytes * 1e6:
            source.over("space when unpacked", "解压后大小", f"{limits.unpacked_megabytes} MB")


def _parts(source: Source, unpacked: _Unpacked, depth: int) -> Iterator[tuple[str, Part | DocumentError]]:
    if depth > source.limits.nesting:
        source.over("archives within archives", "压缩包嵌套层数", source.limits.nesting)
    for found in _read(source):
        if not isinstance(found, Member):
            within = found.facts.get("path") if isinstance(found, DocumentError) else None
            yield str(within or source.path), found
            continue
        unpacked.add(source, found)
        inner = replace(source, path=f"{source.path}/{inner_name(found.name)}", data=found.data)
        try:
            yield from _parts(inner, unpacked, depth + 1)
        except DocumentError as error:
            yield inner.path, error


def _read(source: Source) -> Iterator[Part | Member | DocumentError]:
    """What the reader of its format finds; what it raises, in terms of this package."""
    try:
        yield from format_of(source).read(source)
    except (DocumentError, GeneratorExit, ImportError):
        raise
    except MemoryError:
        raise LimitError(
            path=source.path, what_en="memory", what_zh="占用内存", limit=f"{source.limits.memory_megabytes} MB"
        ) from None
    except RecursionError:
        raise LimitError(path=source.path, what_en="levels", what_zh="嵌套层数", limit="1,000") from None
    except Exception as error:  # a library's reader may raise anything over a damaged file
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DamagedFileError(path=source.path, reason=reason_of(told)) from error
