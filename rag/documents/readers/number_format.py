"""Numbers as Excel shows them: decimal places, thousands, per cent, and what a format writes around them (0.0"万元").

Where a format is of another kind (a date, a fraction, a power of ten, conditions), the number is told as it is.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

import regex

_SECTION = regex.compile(r'((?:"[^"]*"|\\.|[^;"\\])*);')
_TOKEN = regex.compile(
    r'"(?P<text>[^"]*)"|\\(?P<one>.)|[_*].|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]'
    r"|(?P<number>General|[#0?][#0?,.]*)|(?P<sign>.)",
    flags=regex.IGNORECASE,
)
_OTHER_KIND = regex.compile(r"[a-z/@]", flags=regex.IGNORECASE)
_CONDITION = regex.compile(r"\[[<>=]")
_EXACT = Context(prec=400)


@dataclass(frozen=True, slots=True)
class _Section:
    """What is written before the number, its digits as the format has them ("" for none), what is written behind."""

    before: str
    digits: str
    behind: str
    percent: int  # how many signs of it


def shown(value: float, form: str) -> str:
    """A number as a cell of the format `form` shows it (ECMA-376, 18.8.31): `shown(3.5, '0.0"万元"')` is "3.5万元"."""
    sections = _sections(form)
    place = 1 if value < 0 and len(sections) > 1 else 2 if value == 0 and len(sections) > 2 else 0
    section = sections[place] if sections else None
    if section is None:
        return plain(value)
    if not section.digits:
        return section.before.strip() or plain(value)
    try:
        digits = _digits(value, section)
    except (InvalidOperation, OverflowError):  # of no finite value, or of hundreds of places
        return plain(value)
    text = f"{section.before}{digits}{section.behind}".strip() or plain(value)
    signed = place == 1 and any(sign in section.before for sign in "-−(")
    # A negative number may be told by its colour alone, which is no part of the text.
    return f"-{text}" if value < 0 and not signed and any(digit in "123456789" for digit in digits) else text


def plain(value: float) -> str:
    """A number without any format: a whole one in full, another to the digits that a cell is sure of."""
    if not isinstance(value, float):
        return str(value)
    if value.is_integer():
        return str(int(value)) if abs(value) < 1e16 else str(value)
    # Excel keeps fifteen digits; what is small may be the difference of large numbers, and its last digits their noise.
    return f"{value:.{15 if abs(value) >= 1e6 else 12}g}"


@lru_cache(maxsize=1000)
def _sections(form: str) -> tuple[_Section | None, ...]:
    """Of positive numbers, of negative ones, of zero; of all, where it is one. None for one of another kind."""
    if form == "General" or _CONDITION.search(form) or form.count('"') % 2 or form.endswith("\\"):
        return ()
    return tuple(map(_section, _SECTION.findall(form + ";")))


def _section(form: str) -> _Section | None:
    pieces = ["", ""]
    digits, percent = "", 0
    for token in _TOKEN.finditer(form):
        sign = token["sign"] or ""
        if (token["number"] and digits) or _OTHER_KIND.match(sign):
            return None
        digits = digits or token["number"] or ""
        percent += sign == "%"
        pieces[bool(digits)] += token["text"] or token["one"] or token["currency"] or sign
    return _Section(pieces[0], digits, pieces[1], percent)


def _digits(value: float, section: _Section) -> str:
    """The number without its sign, by "#,##0.0#", "0000", or "0.0,,", which is in millions. Raises InvalidOperation,
    OverflowError."""
    form = section.digits.rstrip(",")
    if form[0] not in "#0?":
        return plain(abs(value))
    before, _, behind = form.partition(".")
    places, least = sum(map(behind.count, "0#?")), behind.count("0")
    exact = Decimal(repr(value)).scaleb(2 * section.percent - 3 * (len(section.digits) - len(form)))
    whole, _, fraction = f"{abs(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)):f}".partition(".")
    whole = whole.lstrip("0").zfill(before.count("0"))
    if "," in before:
        first = len(whole) % 3
        groups = [whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))]
        whole = ",".join(filter(None, groups))
    fraction = fraction[:least] + fraction[least:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
