#!/usr/bin/env python3
"""Files changed at random, given to a reader within its limits: what is no clear line about the file is a crash.

python -m scripts.measure.fuzz READER --minutes 10 [--out FOLDER]      READER: a name or part of one, as in
                                                                      tests/documents/corpus.py or below, or "all"

The same seed makes the same files. Of a packed format (Word, zip, PNG, ...) half of the files are changed within and
packed anew, so that its parser gets past the wrapping. Pictures are of one short line, which OCR reads in a tenth of a
second (without rag[ocr] only their heads are looked at); older Excel files are made by LibreOffice (Debian:
libreoffice-calc), and left out without it. A crash is told once for each place it comes from, and its file written to
`--out`. A reading that takes more than ten seconds of the processor counts as one; minutes are the processor's, too:
what else the machine does counts for nothing. At the end, how many files of each name and how long the processor
worked. Exit code 1 where there was any crash.
"""

import argparse
import io
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from rag.documents import DocumentReader, Limits
from rag.errors import LimitError, RagError, ReaderCrashedError
from scripts.measure.service import ROOT
from tests.documents.corpus import FACTS, MAKERS, Made, sheet, workbook

SECONDS = 10
LIMITS = Limits(megabytes=5, seconds=SECONDS, unpacked_megabytes=100, pixels=1_000_000)
_ANEW = 200  # files until a new worker: the processor's time of one is known when it has ended
_LINE = (0, 60, 400, 124)  # where the first line of a sheet stands
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST = 8  # changes to one file
_TOKENS = (
    *(
        b"\0",
        b"\xff" * 4,
        b"<",
        b">",
        b"&#x0;",
        b"]]>",
        b"<!--",
        b"{" * 50,
        b"[" * 50,
        b'"',
        b"\\",
        b"%",
        b"\r\n\r\n",
        b"/",
    ),
    *(
        b"-1",
        b"0",
        b"99999999999999999999",
        b"1e999",
        b"NaN",
        b"2147483648",
        b"\xed\xa0\x80",
        "\u202e".encode(),
        b"PK\x03\x04",
    ),
    *(b"<table><tr><td colspan=99999>", b"<p" * 30, b"%PDF-", b"stream\n", b"endobj", b"<<", b">>", b"obj", b" 0 R"),
)

_DIAGNOSE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]), int(sys.argv[3]) + 5))
from pathlib import Path
from rag.documents.build import build
from rag.documents.readers import Source
from rag.errors import RagError
file = Path(sys.argv[1])
try:
    build(Source(sys.argv[2], file.read_bytes()))
except RagError:
    pass
"""


def changed(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """`data` with some changes, each at a random place."""
    changes: tuple[Callable[[bytearray, int, int], None], ...] = (
        lambda new, a, b: new.__setitem__(a, chance.randrange(256)),
        lambda new, a, b: new.__setitem__(a, new[a] ^ 1 << chance.randrange(8)),
        lambda new, a, b: new.__delitem__(slice(a, b)),
        lambda new, a, b: new.__setitem__(slice(a, a), new[a:b] * chance.choice((1, 2, 50))),
        lambda new, a, b: new.__setitem__(slice(a, a), chance.choice(_TOKENS)),
        lambda new, a, b: new.__setitem__(slice(a, b), chance.choice(_TOKENS)),
        lambda new, a, b: new.__setitem__(slice(a, b), bytes(chance.randrange(256) for _ in range(min(b - a, 64)))),
        lambda new, a, b: new.__setitem__(slice(a, a), piece(chance.choice(others), chance)),
    )
    new = bytearray(data)
    for _ in range(chance.randint(1, _MOST)):
        if not new:
            break
        at = chance.randrange(len(new))
        length = int(2 ** chance.uniform(0, 12))
        chance.choice(changes)(new, at, min(at + length, len(new)))
    return bytes(new[: chance.randrange(len(new))]) if new and chance.random() < 0.05 else bytes(new)


def piece(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(len(data), 1))
    return data[at : at + int(2 ** chance.uniform(2, 11))]


def changed_png(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A picture with one of its chunks changed, and the check sum made to fit."""
    chunks, at = [], len(_PNG)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at + 4 : at + 8 + length])  # kind and content
        at += length + 12
    victim = chance.randrange(len(chunks))
    chunks[victim] = chunks[victim][:4] + changed(chunks[victim][4:], others, chance)
    packed = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks)
    return _PNG + b"".join(packed)


def changed_zip(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A packed file with some of its members changed, gone or called otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        victims = set(chance.choices(names, k=chance.randint(1, 3)))
        for name in names:
            inner = old.read(name)
            if name in victims:
                if chance.random() < 0.1:
                    continue
                if chance.random() < 0.1:
                    name = chance.choice((f"../{name}", f"/{name}", name.upper(), name * 9, chance.choice(names) + "x"))
                inner = changed(inner, others, chance)
            new.writestr(name, inner)
    return out.getvalue()


def files(made: list[Made], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Without end: a name and the bytes of a file."""
    others = [one.data for one in made]
    for one in made:
        if zipfile.is_zipfile(io.BytesIO(one.data)):
            with zipfile.ZipFile(io.BytesIO(one.data)) as packed:
                others += [packed.read(name) for name in packed.namelist()]
    while True:
        one, change = chance.choice(made), changed
        if chance.random() < 0.5:
            packed_as = zipfile.is_zipfile(io.BytesIO(one.data))
            change = changed_zip if packed_as else changed_png if one.data.startswith(_PNG) else changed
        yield one.name, change(one.data, others, chance)


def crash_of(reader: DocumentReader, file: Path, name: str) -> str:
    """What went wrong with this file beyond a clear line about it; "" where nothing did."""
    began = time.process_time()
    try:
        reader.read(file, name)
    except ReaderCrashedError as error:
        return _place(file, name) or str(error.facts["reason"])
    except LimitError as error:
        return _place(file, name) if error.facts["what_en"] == "seconds" else ""  # of a busy machine, perhaps
    except RagError as error:
        lines = [error.message(language) for language in ("en", "zh")]
        return "" if all(len(line) < 400 and line.isprintable() for line in lines) else f"message {lines[0]!r}"
    except Exception as error:  # noqa: BLE001  what this looks for
        return f"{type(error).__name__}: {error}; {_place(file, name)}"
    return "slow" if time.process_time() - began > SECONDS else ""


def _place(file: Path, name: str) -> str:
    """The innermost lines of the traceback, from reading it again by itself."""
    command = [sys.executable, "-c", _DIAGNOSE, str(file), name, str(6 * SECONDS)]
    before = _children_seconds()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGXCPU:
        return "hangs"
    if _children_seconds() - before > SECONDS:
        return "slow"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1][:150]} ({places[-1]})" if places else f"exit code {done.returncode}" if done.returncode else ""


def _children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def picture(name: str, kind: str, mode: str = "L", pages: int = 1, **options: object) -> Made:
    """A short line of text as a picture."""
    line = sheet([FACTS[0].sentence[:12]], "", 1).crop(_LINE).convert(mode)
    more = {"save_all": True, "append_images": [line] * (pages - 1)} if pages > 1 else {}
    out = io.BytesIO()
    line.save(out, kind, **more, **options)
    return Made(name, out.getvalue(), {})


def older_workbook(suffix: str) -> Made:
    """A workbook as LibreOffice saves it with this suffix."""
    made = workbook()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, made.name)
        file.write_bytes(made.data)
        command = ["soffice", f"-env:UserInstallation={Path(name, 'profile').as_uri()}", "--headless"]
        command += ["--convert-to", suffix, "--outdir", name, str(file)]
        subprocess.run(command, check=True, capture_output=True)
        file = file.with_suffix(f".{suffix}")
        return Made(file.name, file.read_bytes(), {})


FURTHER: dict[str, Callable[[], Made]] = {
    "PNG": lambda: picture("a.png", "PNG"),
    "PNG, palette": lambda: picture("palette.png", "PNG", "P"),
    "PNG, transparent": lambda: picture("transparent.png", "PNG", "LA"),
    "JPEG": lambda: picture("a.jpg", "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0"),
    "JPEG, progressive": lambda: picture("progressive.jpg", "JPEG", "RGB", progressive=True),
    "TIFF": lambda: picture("a.tif", "TIFF", pages=2),
    "TIFF, fax": lambda: picture("fax.tif", "TIFF", "1", pages=2, compression="group4"),
    "TIFF, LZW": lambda: picture("lzw.tif", "TIFF", "RGB", compression="tiff_lzw"),
    "TIFF, JPEG": lambda: picture("jpeg.tif", "TIFF", compression="jpeg"),
    "scan": lambda: picture("scan.pdf", "PDF", pages=2),
    "older Excel": lambda: older_workbook("xls"),
    "OpenDocument": lambda: older_workbook("ods"),
}
"""What is read as well, beside `MAKERS`."""


def known() -> dict[str, Callable[[], Made]]:
    """Every reader that files can be made for on this machine."""
    office = shutil.which("soffice") is not None
    return MAKERS | {
        name: make for name, make in FURTHER.items() if office or name not in ("older Excel", "OpenDocument")
    }


def _seconds() -> float:
    """That the processor has worked for this process and for those it has started, once they have ended."""
    return time.process_time() + _children_seconds()


def fuzz(reader: str, minutes: float, seed: int, out: Path) -> int:
    """How many different crashes; each is told as it is found."""
    readers = known()
    made = [make() for name, make in readers.items() if reader == "all" or reader.lower() in name.lower()]
    if not made:
        raise SystemExit(f"{reader}: no such reader; these are known: {', '.join(readers)}")
    out.mkdir(parents=True, exist_ok=True)
    found: Counter[str] = Counter()
    read: Counter[str] = Counter()
    count, ends = 0, _seconds() + 60 * minutes
    with DocumentReader(LIMITS) as opened:
        for name, data in files(made, random.Random(f"{reader}/{seed}")):
            if count % _ANEW == 0:
                opened.close()
            if _seconds() > ends:
                break
            count += 1
            read[name] += 1
            file = out / f"{reader.replace(' ', '-').replace(',', '')}-{count}-{name}"
            file.write_bytes(data)
            crash = crash_of(opened, file, name)
            found[crash] += 1
            if crash and found[crash] == 1:
                print(f"{reader}: {crash}: {file}", flush=True)
            else:
                file.unlink()
    crashes = {crash: times for crash, times in found.items() if crash}
    print(f"{reader}: {count} files, {sum(crashes.values())} crashes in {len(crashes)} places", flush=True)
    minutes = _seconds() / 60
    print(f"  {', '.join(f'{n} {name}' for name, n in read.most_common())}; {minutes:.1f} minutes of the processor")
    return len(crashes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", help='name or part of one, or "all"')
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the changes (1)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "fuzz", help="folder for the files that crash")
    options = parser.parse_args()
    raise SystemExit(bool(fuzz(options.reader, options.minutes, options.seed, options.out)))


if __name__ == "__main__":
    main()
