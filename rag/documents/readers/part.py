"""What passes between the door and the readers behind it: bytes with what is known of them, and what was found."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.errors import DamagedFileError, DocumentError, LimitError
from rag.text import one_line

_CONTROL = regex.compile(r"[\p{Cc}\p{Cs}--[\t\n]]|[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]", flags=regex.V1)
_FIGURES = "0123456789+-−"
_RAISED = str.maketrans(_FIGURES, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_STOPPED = regex.compile(r"[。！？!?…；;.][”’」』）)\]\"']*$")
_LABELLED = regex.compile(r"\p{L}[^:：,，。；;]{0,23}(?:：|(?<!\d):)(?!//)\s*\S")
_SPACES = regex.compile(r"[\p{Zs}\t]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may ask for. A file over one of them is refused with a line that names it."""

    megabytes: int = 20  # of the file
    unpacked_megabytes: int = 400  # of what it holds packed, all together
    members: int = 5_000  # files within an archive, all together
    nesting: int = 3  # archives within archives
    pages: int = 3_000
    scans: int = 300  # pages that OCR reads
    pixels: int = 60_000_000  # of a picture: A4 at 750 dots an inch
    cells: int = 2_000_000  # of a workbook
    characters: int = 30_000_000  # of its text
    seconds: int = 120
    scan_seconds: int = 120  # for each page that OCR reads
    memory_megabytes: int = 2_000


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file, and what its reader may want to know."""

    path: str  # as cited; its last part is the file's name
    data: bytes = field(repr=False)
    limits: Limits = Limits()
    fields: Mapping[str, str] = field(default_factory=dict)  # text, title, date, metadata -> its field in records
    alive: Callable[[int], None] = field(default=lambda seconds: None, repr=False, compare=False)
    """Called before each step of long work: it goes on, and the next step may take so many seconds."""

    @property
    def suffix(self) -> str:
        """The ending of its name in lower case, with the dot; "" where there is none."""
        name = self.path.rsplit("/", 1)[-1]
        return "." + name.rsplit(".", 1)[-1].lower() if "." in name.strip(".") else ""

    @property
    def stem(self) -> str:
        name = self.path.rsplit("/", 1)[-1]
        return name.rsplit(".", 1)[0] if "." in name.strip(".") else name

    def damaged(self, reason: object, chinese: str | None = None) -> NoReturn:
        """Raises DamagedFileError. What a library says has no `chinese`."""
        said = reason_of(reason) or type(reason).__name__
        raise DamagedFileError(path=self.path, reason=said, reason_zh=chinese or said)

    def over(self, english: str, chinese: str, limit: object) -> NoReturn:
        """Raises LimitError: more `english` (`chinese`) than `limit`."""
        raise LimitError(path=self.path, what_en=english, what_zh=chinese, limit=limit)


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a file."""

    paragraphs: tuple[Paragraph, ...]
    unit: str = "L"  # what the numbers of its lines count: see rag.types.UNITS
    title: str = ""  # as the format names it; "" where the text has to tell
    date: str | None = None  # ISO, as the format names it
    metadata: Mapping[str, str] = field(default_factory=dict)  # as the format names it
    loose: bool = False  # lines as they are printed: to be joined, cleaned, and taken apart into articles


@dataclass(frozen=True, slots=True)
class Member:
    """A file within the file: of an archive, or attached to a letter."""

    name: str
    data: bytes = field(repr=False)


Read = Callable[[Source], Iterable[Part | Member | DocumentError]]
"""A reader. Raises DocumentError, or gives it where a part of the file can be read all the same; whatever else it
raises is taken for a damaged file."""


def reason_of(told: object) -> str:
    """What a library complains of, short, and to be shown anywhere: it may quote the file."""
    said = " ".join(str(told).split())
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in said)[:120]


def inner_name(name: str) -> str:
    """The path of a file within a file, which stays there."""
    return posixpath.normpath("/" + one_line(name)).lstrip("/") or "_"


def unless_headed(paragraphs: Iterable[Paragraph], title: str | None) -> str:
    """The title that a file's properties give, where its text has none: properties outlive what they are about."""
    return "" if any(p.kind is Kind.HEADING and p.level == 1 for p in paragraphs) else tidy(title or "")


def tidy(text: str) -> str:
    """Without control and invisible characters, runs of any white space as one space."""
    return _SPACES.sub(" ", _CONTROL.sub("", text)).strip()


def numbered(text: str, first: int) -> list[Line]:
    """The lines of `text` that hold something, counted from `first`."""
    return [Line(tidied, number) for number, line in enumerate(text.split("\n"), first) if (tidied := tidy(line))]


def raised(text: str) -> str:
    """Figures that are printed above the line, in signs that say so: the 8 of "10⁸" is no digit of 108. Other text
    stays."""
    return text if text.strip(_FIGURES) else text.translate(_RAISED)


def breaks_off(line: str, following: str) -> bool:
    """Whether a typed break ends what is said: behind a sentence, or between entries of a form ("电话：027-1234")."""
    labelled = _LABELLED.match(line) and _LABELLED.match(following)
    return labelled is not None or _STOPPED.search(line) is not None
