"""What a question asks for, and the dates and figures that could answer it."""

import regex

from rag.text.forms import fold, has_han
from rag.text.words import FUNCTION_WORDS, cut_words, jieba

_DATE = regex.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s*(?:[-/.年])\s*(?P<m>0?[1-9]|1[0-2])(?!\d)\s*(?:[-/.月]\s*(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)\s*日?|月?)"
)
_YEAR = regex.compile(
    r"(?<!\d)((?:19|20)\d{2})(?=年|[-/.](?:0?[1-9]|1[0-2])(?!\d))|(?<![\d.,])((?:19|20)\d{2})(?![\d\p{L}%]|[.,，]\d|\s*\p{Han})"
)


def find_date(text: str) -> tuple[str, int, int] | None:
    """The first date in `text` that names at least a month: (ISO form, start, end). "2024年1月25日" -> "2024-01-25"."""
    match = _DATE.search(text)
    if match is None:
        return None
    parts = [match["y"], match["m"].zfill(2)] + ([match["d"].zfill(2)] if match["d"] else [])
    return "-".join(parts), match.start(), match.end()


def years(text: str) -> list[str]:
    """Years named in `text`, in order, each as often as it stands there; "2000场" and "2000P" are no years."""
    return [match[1] or match[2] for match in _YEAR.finditer(text)]


_ASKS_DATE = regex.compile(
    r"哪一?年|哪一?天|哪个?月|何时|什么时候|几月|几号|几日|何年|什么时间|日期|何日|多会儿"
    r"|\bwhen\b|\b(?:what|which) (?:year|month|day|date)|いつ|何年|언제|몇 년|\bquand\b|quelle ann[ée]e|\bwann\b"
    r"|welche[mns]? jahr|cu[áa]ndo|qu[ée] a[ñn]o|когда|в каком году",
    flags=regex.IGNORECASE,
)
_ASKS_FIGURE = regex.compile(
    r"多少|几|多大|多长|多高|多远|多久|多宽|多重|百分之几"
    r"|\bhow (?:many|much|long|far|large|big|high|tall|old|fast)\b|percent|\bnumber of\b"
    r"|いくつ|どれくらい|どのくらい|何[人件台個社%％]|얼마|몇|combien|pourcent|wie ?viele?|prozent|cu[áa]nt[oa]s?"
    r"|porcentaje|сколько|процент",
    flags=regex.IGNORECASE,
)
_FIGURE = regex.compile(
    r"(?:第|约|近|超过?|逾|达到?)?(?:\d[\d,，.．]*(?:[—\-–~～至]\d[\d,.]*)?|[一二三四五六七八九十百千两]+(?=[万亿个家人年倍成条项种类座位名大]))"
    r"(?:\.\d+)?\s*(?:[%％‰]|个百分点|(?:余|多|来)?[万亿千百]{0,2}(?:余|多)?\s*(?:平方公里|平方米|立方米|标箱|公里|千米|人次|万元|亿元|美元|港元|欧元|元"
    r"|[个家人套户项台名条次岁倍篇种类座所处部辆吨米亩年月日天件场艘只支批期届位期间枚艘片]|(?:kwh|kw|mw|km|kg|m)(?!\p{Latin}))?)?(?:以上|以下|左右)?",
    flags=regex.IGNORECASE,
)
_DATE_SPAN = regex.compile(
    r"(?:(?:19|20)\d{2}\s*年(?:\s*\d{1,2}\s*月)?(?:\s*\d{1,2}\s*日)?|\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?(?:[至—\-–~](?:\d{1,2}\s*月)?\d{1,2}\s*日)?"
    r"|\d{1,4}\s*年|(?<![\d.,])(?:1[0-9]|20)\d{2}(?![\d\p{L}%.,，]|\s*\p{Han})|\d{1,2}世纪(?:\d0年代)?|[上下]半年|[一二三四]季度"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December)(?:\s+\d{1,2})?(?:,?\s+\d{4})?)",
    flags=regex.IGNORECASE,
)


def said_years(text: str, year: str) -> str:
    """What "last year" and its like mean in a text written in `year`: `said_years("去年增长5%", "2024")` is
    "去年2023年". "" where it says none of them."""
    shifts = {match.group(): _SAID_YEAR[match.group()] for match in _SAYS_YEAR.finditer(text)}
    return " ".join(f"{word}{int(year) + shift}年" for word, shift in shifts.items())


_SAID_YEAR = {"前年": -2, "去年": -1, "上年": -1, "今年": 0, "本年": 0, "明年": 1}
_SAYS_YEAR = regex.compile("|".join(_SAID_YEAR))


def asks_date(question: str) -> bool:
    return _ASKS_DATE.search(fold(question)) is not None


def asks_figure(question: str) -> bool:
    """Whether a question asks how many or how much; one that asks for a date does not."""
    folded = fold(question)
    return _ASKS_FIGURE.search(folded) is not None and _ASKS_DATE.search(folded) is None


def asks_list(question: str) -> bool:
    """Whether a question asks for several things by name."""
    return _ASKS_LIST.search(fold(question)) is not None


_ASKS_LIST = regex.compile(
    r"哪些|哪[几两二三四五六七八九十]|有什么|包括什么|几[个大项]方面|列[出举]|分别是[谁什]|どの|어떤"
    r"|\b(?:list|name the|which (?:\w+ )?(?!is|was|does|has)\w{3,}s\b(?! (?:is|was|does|did|has))|what (?:are|were)"
    r"|quels|quelles|cuáles|welche[rn]?\s\w+e[nr]?|какие)",
    flags=regex.IGNORECASE,
)
_PART_END = regex.compile(r"[，,；;？?]|\band\b|以及", flags=regex.IGNORECASE)


def asked_parts(question: str) -> list[str]:
    """The parts of a question that ask each for something of its own: "A是多少，B又是多少？" -> two.

    A part that asks nothing belongs to the one after it. The whole question where it asks one thing.
    """
    parts, waiting = [], ""
    for part in _PART_END.split(question):
        waiting += part
        if _INTERROGATIVE.search(fold(part)):
            parts.append(waiting)
            waiting = ""
    if waiting.strip() and parts:
        parts[-1] += waiting
    return parts or [question]


def figure_spans(text: str) -> list[tuple[int, int]]:
    """[start, end) of each figure with its unit; dates are none."""
    dates = date_spans(text)
    found = ((match.start(), match.group().rstrip(" \t,，.．")) for match in _FIGURE.finditer(text))
    spans = [(start, start + len(figure)) for start, figure in found]
    return [(a, b) for a, b in spans if not any(c <= a < d for c, d in dates)]


_ITEM = r"[^，。；：、！？,;:!?\s]"
_ENUMERATION = regex.compile(
    rf"{_ITEM}{{1,30}}(?:、{_ITEM}{{1,30}}?)+(?=等|[\d一二三四五六七八九十两]+[个大家项条座类种]|[，。；：！？,;:!?\s]|$)"
)


def enumeration_spans(text: str) -> list[tuple[int, int]]:
    """[start, end) of each row of items ("A、B、C"), without the count behind them ("三大板块")."""
    return [match.span() for match in _ENUMERATION.finditer(text)]


def date_spans(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _DATE_SPAN.finditer(text)]


_INTERROGATIVE = regex.compile(
    r"(?:是|有|为|达到?|共|一共)?(?:多少|几[个家项条名座所]?|多[大长高远久宽重]|什么|哪[些个家位里儿年天]?|谁|何[时处地]?|如何|怎么|怎样|是否|为什么|为何)"
)


def focus_words(question: str, reach: int = 2) -> list[str]:
    """The content words next to what a Chinese question asks with, at most `reach` on each side:
    "...的[销售额]是多少?".

    They name the very thing asked for. The units of a figure ("多少亿元") are none. Empty where nothing asks.
    """
    folded = fold(question)
    asks = list(_INTERROGATIVE.finditer(folded))
    if not asks or not has_han(folded):
        return []
    before, after = folded[: asks[-1].start()], folded[asks[-1].end() :]
    after = regex.sub(rf"^(?:{UNIT})", "", after)
    left = [word for word in cut_words(before, jieba.cut) if word not in FUNCTION_WORDS and not _YEAR_WORD.match(word)]
    right = [word for word in cut_words(after, jieba.cut) if word not in FUNCTION_WORDS]
    return left[-reach:] + right[:reach]


_YEAR_WORD = regex.compile(r"^\d+$")
UNIT = (
    r"个?百分点|[万亿千百]*美?元"
    r"|[万亿千百]*(?:平方公里|平方米|公里|千米|米|亩|标箱|吨|家|户|套|人次|人|台|辆|座|所|条|名|场|枚|部|岁|个|项|次|处)"
)

_ASKED_UNIT = regex.compile(
    r"(?:多少|几)(?P<unit>个?百分点|[万亿]*美元|[万亿千百]*元|[万亿千百]*(?:平方公里|平方米|公里|千米|米|亩|标箱|吨|家|户|套|人次|人|台|辆|座|所|条|名|场|枚|部|岁))"
)
_MONEY = regex.compile(r"[\d\p{Han}]\s*(?:美|港|欧|日)?元")
_POINTS = regex.compile(r"\d[\d.,]*\s*个?百分点")


def holds_asked_unit(question: str, text: str) -> bool:
    """False where the question asks for a figure in a unit ("多少亿元") that no figure of `text` has; both in
    matching form."""
    asked = _ASKED_UNIT.search(question)
    if asked is None:
        return True
    unit = asked["unit"]
    if unit.endswith("百分点"):
        return _POINTS.search(text) is not None
    if unit.endswith("元"):
        return _MONEY.search(text) is not None
    return regex.search(rf"\d[\d.,]*\s*[万亿千百余多]*{unit.lstrip('万亿千百')}", text) is not None
