"""Which documents are asked: by path, by date, by metadata. And what a document's own date and metadata may be."""

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from rag.errors import FactError, FilterError

OWN_NAMES = ("path", "text", "title", "date")
"""What a document has anyway: no metadata is called so."""

MOST_PATTERNS, MOST_VALUES, MOST_NAMES = 200, 200, 100
LONGEST = 1000  # characters of a pattern, a title, a name, a value
_PERIOD = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Filter:
    """The documents that meet all of what is given. Made by `rag.filters`; raises FilterError.

    `paths`: one of these patterns matches the cited path, or a folder or archive that it lies in. "*" stands for any
    characters, slashes too, "?" for one; all else for itself.
    `since`, `until`: ISO, "2023", "2023-05" or "2023-05-17", whole periods, both included. A document that is dated
    by a year or a month matches where any day of it does; one without a date matches no period.
    `metadata`: (name, values) by name; for each name the document has one of the values.
    """

    paths: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    metadata: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if len(self.paths) > MOST_PATTERNS or sum(len(values) for _, values in self.metadata) > MOST_VALUES:
            raise _refused("filters", f"more than {MOST_PATTERNS}.", f"超过 {MOST_PATTERNS} 个。")
        for pattern in self.paths:
            if not pattern or len(pattern) > LONGEST or _UNSEEN.search(pattern):
                raise _refused(
                    "path", "give a path or a pattern such as reports/*", "请给出路径，或带通配符的路径，如 reports/*"
                )
        for name, values in self.metadata:
            if name in OWN_NAMES:
                english = "is no metadata; for a date use since and until." if name == "date" else "is no metadata."
                raise _refused(
                    name, english, "不是元数据" + ("，日期请用 since 和 until。" if name == "date" else "。")
                )
            if not is_word(name) or not values or not all(map(is_word, values)):
                raise _refused("metadata", "give NAME=VALUE", "请用 名称=值")
        for name, period in (("since", self.since), ("until", self.until)):
            if period is not None and not is_period(period):
                english = f"{shortened(period)} is no date; give 2023, 2023-05 or 2023-05-17."
                raise _refused(name, english, f"{shortened(period)} 不是日期，请用 2023、2023-05 或 2023-05-17。")
        if self.since and self.until and first_day(self.since) > last_day(self.until):
            raise _refused(
                "since", f"{self.since} is after until {self.until}.", f"{self.since} 晚于 until {self.until}。"
            )


def described(filters: Filter) -> str:
    """As the options of a command would have it: "path=reports/* since=2023 source=新华社"."""
    periods = (("since", filters.since), ("until", filters.until))
    return " ".join(
        (
            *(f"path={one}" for one in filters.paths),
            *(f"{name}={period}" for name, period in periods if period),
            *(f"{name}={value}" for name, values in filters.metadata for value in values),
        )
    )


Meets = Callable[[str, str | None, Mapping[str, str]], bool]
"""(path, date, metadata) of a document -> whether it is asked."""


def meets(filters: Filter) -> Meets:
    """`filters` as a condition on one document."""
    # A path matches a pattern as a whole, or as far as a folder or an archive that it lies in.
    any_path = re.compile("|".join(_regex(one + within) for one in filters.paths for within in ("", "/*")))
    since = first_day(filters.since) if filters.since else ""
    until = last_day(filters.until) if filters.until else ""

    def met(path: str, date: str | None, metadata: Mapping[str, str]) -> bool:
        if filters.paths and not any_path.match(path):
            return False
        if (since or until) and not date:
            return False
        if date and ((since and last_day(date) < since) or (until and first_day(date) > until)):
            return False
        return all(metadata.get(name) in values for name, values in filters.metadata)

    return met


def _regex(pattern: str) -> str:
    """fnmatch's never goes back over what a "*" has taken, so no pattern takes long. Its "[" is a sign, ours is not."""
    return fnmatch.translate(pattern.replace("[", "[[]"))


def is_period(text: str) -> bool:
    """Whether `text` is a year, a month or a day as ISO writes it."""
    try:
        return bool(_PERIOD.fullmatch(text) and date.fromisoformat(first_day(text)))
    except ValueError:
        return False


def first_day(period: str) -> str:
    """ "2023" -> "2023-01-01"."""
    return period + "0000-01-01"[len(period) :]


def last_day(period: str) -> str:
    """ "2023-02" -> "2023-02-31": no day of the month comes after it."""
    return period + "0000-12-31"[len(period) :]


def one_form(text: str) -> str:
    """A name or value of metadata as it is kept and compared: composed, on one line, runs of white space as one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def checked_metadata(given: Mapping[str, str]) -> dict[str, str]:
    """Metadata as a document keeps it. Raises FactError."""
    kept: dict[str, str] = {}
    if len(given) > MOST_NAMES:
        english, chinese = f"more than {MOST_NAMES} names.", f"名称超过 {MOST_NAMES} 个。"
        raise FactError(name="metadata", problem_en=english, problem_zh=chinese)
    for name, value in given.items():
        if not all(isinstance(one, str) and is_word(one_form(one)) for one in (name, value)):
            english = f"names and values are texts of 1 to {LONGEST} characters."
            chinese = f"名称和值须为 1 到 {LONGEST} 个字符的文字。"
            raise FactError(name="metadata", problem_en=english, problem_zh=chinese)
        if one_form(name) in OWN_NAMES:
            raise FactError(
                name=one_form(name), problem_en="is no name for metadata.", problem_zh="不能作为元数据的名称。"
            )
        kept[one_form(name)] = one_form(value)
    return kept


def shortened(text: str) -> str:
    """What was given, as one short line can repeat it."""
    text = _UNSEEN.sub("", text)
    return text if len(text) <= 40 else text[:40] + "…"


def is_word(text: str) -> bool:
    """Whether `text`, in its one form, can be a name, a value or a title."""
    return bool(text) and len(text) <= LONGEST and not _UNSEEN.search(text)


def _refused(name: str, english: str, chinese: str) -> FilterError:
    return FilterError(name=name, problem_en=english, problem_zh=chinese)
