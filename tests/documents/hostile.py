"""Files that mean no good, made here: (name, bytes, the error that each must lead to)."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from rag import errors
from rag.documents.readers import ocr
from tests.documents.corpus import book, pdf, slides, word, workbook

Hostile = tuple[str, bytes, type[errors.DocumentError]]

BOMB = b"\0" * 50_000_000
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return out.getvalue()


def changed(data: bytes, member: str, new: bytes) -> bytes:
    """An Office file with one member replaced."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        return packed({name: new if name == member else old.read(name) for name in old.namelist()})


def lying_zip() -> bytes:
    """A member that says it unpacks to few bytes and unpacks to many."""
    data = bytearray(packed({"a.txt": b"x" * 5_000_000}))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)
    return bytes(data)


def nested(depth: int) -> bytes:
    data = packed({"a.txt": "里面的话在这里。".encode()})
    for n in range(depth):
        data = packed({f"{n}.zip": data})
    return data


def pdf_of(objects: list[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for n, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (n, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), extra, data)


def many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (n + 3) for n in range(count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    return pdf_of(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids), *[page] * count]
    )


def one_page(content: bytes, extra: bytes = b"") -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>"
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", pages, page, stream(content, extra)])


def circular() -> bytes:
    """A PDF whose table of places lies with its other objects in an object stream that lies within itself."""
    head = b"%PDF-1.7\n"
    places = [b"\0\0\0\xff", b"\2\0\3\0", b"\2\0\3\1", b"\2\0\3\2", b"\1" + len(head).to_bytes(2) + b"\0"]
    table = stream(b"".join(places), b"/Type/XRef/W[1 2 1]/Size 5/Root 1 0 R")
    return head + b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (table, len(head))


def updated_by_itself() -> bytes:
    """A PDF whose earlier version is itself."""
    data = one_page(b"0 0 9 9 re f")
    start = data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0]
    return data.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %s>>" % start)


def deep_pages(depth: int) -> bytes:
    knots = [b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (n + 3) for n in range(depth)]
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", *knots, b"<</Type/Page/MediaBox[0 0 9 9]>>"])


def letter_of(count: int, head: bytes = b"") -> bytes:
    """A letter of so many parts."""
    part = b"--b\nContent-Type: text/plain\n%s\nx\n" % head
    return b"From: a@b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + part * count + b"--b--\n"


def sheet(rows: bytes) -> bytes:
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return b'<worksheet xmlns="%s"><sheetData>%s</sheetData></worksheet>' % (space, rows)


def reaching_out() -> bytes:
    """The package of an EPUB whose chapters lie outside it."""
    places = ("../../../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd")
    items = "".join(f'<item id="i{n}" href="{place}"/>' for n, place in enumerate(places))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(places)))
    space = "http://www.idpf.org/2007/opf"
    return f'<package xmlns="{space}"><manifest>{items}</manifest><spine>{spine}</spine></package>'.encode()


def hostile() -> Iterator[Hostile]:
    office = {
        "docx": word().data,
        "pptx": slides().data,
        "xlsx": workbook().data,
        "epub": book().data,
        "pdf": pdf().data,
    }
    damaged, limit, empty = errors.DamagedFileError, errors.LimitError, errors.EmptyFileError
    locked, unknown = errors.ProtectedFileError, errors.FormatUnknownError
    blank = errors.EmptyFileError if ocr.installed() else errors.ScanError  # a page without text is looked at
    for suffix, data in office.items():
        yield f"half.{suffix}", data[: len(data) // 2], damaged
        yield f"noise.{suffix}", data[:200] + bytes(range(256)) * 40, damaged
    yield "bomb.zip", packed({"a.txt": BOMB}), limit
    yield "bomb.docx", changed(office["docx"], "word/document.xml", BOMB), limit
    yield "bomb.xlsx", changed(office["xlsx"], "xl/worksheets/sheet1.xml", BOMB), limit
    yield "many.zip", packed({f"{n}.txt": b"" for n in range(6_000)}, zipfile.ZIP_STORED), limit
    yield "deep.zip", nested(8), limit
    yield "lying.zip", lying_zip(), damaged
    yield "nothing.zip", packed({}), empty
    laughs = (LAUGHS + "<x>&a11;</x>").encode()
    yield "laughs.docx", changed(office["docx"], "word/document.xml", laughs), damaged
    yield "laughs.xlsx", changed(office["xlsx"], "xl/workbook.xml", laughs), damaged
    yield "laughs.pptx", changed(office["pptx"], "ppt/presentation.xml", laughs), damaged
    yield "laughs.epub", changed(office["epub"], "OPS/book.opf", laughs), damaged
    outside = (
        OUTSIDE + '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&e;</dc:title></package>'
    ).encode()
    yield "outside.epub", changed(office["epub"], "OPS/book.opf", outside), empty
    yield "no-package.epub", packed({"mimetype": b"application/epub+zip"}), damaged
    yield "locked.pdf", locked_pdf(), locked
    yield (
        "locked.docx",
        OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600),
        errors.ProtectedFileError,
    )
    yield "locked.zip", locked_zip(), locked
    yield "old.doc", OLE + bytes(600) + "WordDocument".encode("utf-16-le") + bytes(600), unknown
    yield "noise.xls", OLE + bytes(600) + "Workbook".encode("utf-16-le") + bytes(600), damaged
    yield "panic.xls", cut_short(), damaged
    yield "pages.pdf", many_pages(10_000), limit
    yield "loop.pdf", pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[2 0 R]>>"]), damaged
    yield "drawing.pdf", one_page(b"0 0 9 9 re f"), empty
    yield "bomb.pdf", one_page(zlib.compress(b" " * 80_000_000, 9), b"/Filter/FlateDecode"), empty
    yield "only-head.pdf", b"%PDF-1.7\n", damaged
    yield "picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), damaged
    yield "program.pdf", b"MZ" + bytes(range(256)) * 4, unknown
    yield "noise.txt", bytes(range(256)) * 40, errors.NotTextError
    yield "noise.bin", zlib.compress(bytes(range(256)) * 99), errors.NotTextError
    yield "nothing.html", b"<html><head><title>x</title></head><body></body></html>", empty
    yield "nothing.csv", b",,,\n,,,\n", empty
    yield "nothing.json", b"{}", empty
    yield "deep.json", b"[" * 500_000, limit
    yield "broken.json", b'{"text": "x"', damaged
    yield "broken.jsonl", b'{"text": "x"}\n{"text": "y"}\nno\n', damaged
    yield "empty.docx", b"", empty
    yield "spaces.md", b" \n" * 99, empty
    yield "new\nline\x1b[31m.txt", b"\0\1\2" * 99, errors.NotTextError
    yield "\U0001f525.docx", b"PK\x03\x04", damaged
    yield "bomb.pptx", changed(office["pptx"], "ppt/slides/slide1.xml", BOMB), limit
    yield "bomb.epub", changed(office["epub"], "OPS/1.xhtml", BOMB), limit
    yield "half.zip", packed({"a.txt": bytes(range(256)) * 4_000})[:500], damaged
    yield "laughing types.docx", changed(office["docx"], "[Content_Types].xml", laughs), damaged
    yield "laughing styles.docx", changed(office["docx"], "word/styles.xml", laughs), damaged
    yield "deep.docx", changed(office["docx"], "word/document.xml", b"<a>" * 300_000), damaged
    yield "deep.xlsx", changed(office["xlsx"], "xl/worksheets/sheet1.xml", b"<a>" * 300_000), damaged
    wide = sheet(b'<row r="1">' + b"<c><v>1</v></c>" * 2_100_000 + b"</row>")
    yield "wide.xlsx", changed(office["xlsx"], "xl/worksheets/sheet1.xml", wide), limit
    yield "locked.xlsx", OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600), locked
    yield "picture.docx", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), damaged if ocr.installed() else errors.ScanError
    yield "squeezed.xlsx", b"\x1f\x8b\x08" + bytes(range(256)), unknown
    yield "circular.pdf", circular(), damaged
    yield "updated by itself.pdf", updated_by_itself(), blank
    yield "deep pages.pdf", deep_pages(5_000), damaged
    yield "counted.pdf", pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 2147483647/Kids[]>>"]), damaged
    yield "arrays.pdf", one_page(b"[" * 2_000_000), blank
    yield "filters.pdf", one_page(b"x", b"/Filter[" + b"/FlateDecode" * 5_000 + b"]"), blank
    yield "deep.html", b"<html><body>" + b"<div>" * 300_000 + "深处的话。".encode(), empty
    yield "tables.html", b"<html><body>" + b"<table><tr><td>" * 20_000 + b"x", empty
    quoted = '<a xmlns="http://\x7f\u202e">x</a>'.encode()  # which the parser's complaint repeats
    yield "quoted.pptx", changed(office["pptx"], "ppt/presentation.xml", quoted), damaged
    yield "reaching out.epub", changed(office["epub"], "OPS/book.opf", reaching_out()), empty
    yield "parts.eml", letter_of(10_000), limit
    yield "attached.eml", letter_of(10_000, b'Content-Disposition: attachment; filename="../a.txt"\n'), limit
    yield "object.json", b'{"a":' * 100_000, limit
    yield "zeros.txt", bytes(3_000_000), unknown
    yield "up..\u202e.exe.txt", b"\0\1\2" * 99, errors.NotTextError


def cut_short() -> bytes:
    """An older Office file whose directory ends within an entry, of which calamine makes a panic."""
    unused, end = b"\xff" * 4, b"\xfe\xff\xff\xff"
    numbers = (0, 1, 1, 0, 4096)  # one sector of the allocation table, the directory in sector 1
    head = OLE + bytes(16) + struct.pack("<5H6x5I", 62, 3, 0xFFFE, 9, 6, *numbers)
    head += (end + bytes(4)) * 2 + bytes(4) + unused * 108  # the table in sector 0
    return head + b"\xfd\xff\xff\xff" + end + unused * 126 + "Workbook".encode("utf-16-le").ljust(100, b"\0")


def locked_pdf() -> bytes:
    from reportlab.lib.pdfencrypt import StandardEncryption

    return pdf(encrypt=StandardEncryption("secret", strength=128)).data


def locked_zip() -> bytes:
    data = bytearray(packed({"a.txt": b"x" * 100}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)
