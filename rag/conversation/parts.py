"""What a Chinese question is made of: its period, its place, what it speaks of, what it asks with, what points back.

It is cut with jieba and told apart by the parts of speech in jieba's own dictionary: a word that is a verb, a
preposition, a time and so on ends a name; everything else, words that no dictionary knows above all, belongs to one.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import regex

from rag.text import has_han, is_name
from rag.text.words import jieba

PERIOD = regex.compile(
    r"(?:\d{4}|[去今前明]|同)年(?:年?[底初末]|[上下]半年|前三季度|[第前]?[一二三四]季度|\d{1,2}月(?:\d{1,2}日)?)?"
    r"|[上下]半年|前三季度|[第前]?[一二三四]季度|(?<!\d)\d{1,2}月(?:\d{1,2}日|份)?"
)
"""A period in Chinese."""

_UNIT = (
    r"个?百分点|[万亿千百]*(?:[美港欧]?元|平方公里|平方米|公里|人次|标箱"
    r"|[个家座条项名所场枚部辆套户人台位处只种岁次吨亩届棵支间片块层篇份])"
)
_COUNT = rf"(?:多少|几)(?:{_UNIT})?|百分之几|第几|多[大长高远久宽重]"
_OTHER = (
    r"什么(?:时候|时间|样|地方)?|哪(?:些|[一几]?[年天所个家位座次首部本条支种项类只片块]|里|儿)?|谁|何[时处地年]"
    r"|怎么样?|怎样|如何|是否|(?<![成作称])为什么|为何|吗"
)
ASKS = regex.compile(rf"(?:分别|一?共|[是有为达]到?)*(?:(?P<count>{_COUNT})|(?P<other>{_OTHER}))")
"""What a Chinese question asks with, the light verb before it and the unit behind it included."""

PRONOUN = regex.compile(
    r"[它他她]们?|(?<![尤耳与极何莫])其(?![中他余实次间它])"
    r"|[该这那][些个家座项所位种部]?(?:公司|企业|项目|区|市|城市|基地|园区|产品|机构|大赛|活动|博物馆|大学|学校|国家|地区|组织|人|球队)"
)
"""A Chinese pronoun, or a noun that only points back: "该公司", "这个项目"."""

GOAL = regex.compile(r"目标|计划|预计|预期|打算|力争")
ACTUAL = regex.compile(r"实际|真正|最终")

_QUOTED = regex.compile(r"“[^”]{1,30}”|《[^》]{1,30}》|「[^」]{1,30}」|(?<=\p{Han}|[A-Za-z])[（(][^）)]{1,20}[）)]")
_LATIN = regex.compile(r"[\p{Latin}\d&][\p{Latin}\d&'’.\-]*(?:[ ·•][\p{Latin}\d&'’.\-]+)*")
_BOUND = regex.compile(r"[的了过是有在与和及又还也都就要会能将被把从到为对跟比让给吗呢\s[\p{P}--·]]", flags=regex.V1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A Chinese question around what it asks with; without that, all of it is `before`."""

    before: str
    asks: str  # "是多少家", "" where nothing asks
    after: str
    counts: bool  # asks how many or how much


def take_apart(question: str) -> Asked:
    text = question.strip().rstrip("?？。 ")
    found = list(ASKS.finditer(text))
    if not found:
        return Asked(text, "", "", False)
    last = found[-1]
    return Asked(text[: last.start()], last.group(), text[last.end() :], last["count"] is not None)


def period_of(text: str) -> str:
    """The first period that a text names; "" where it names none. Neighbouring ones are one: "2024年一季度"."""
    match = PERIOD.search(text)
    return match.group() if match else ""


def place_of(phrase: str) -> str:
    """The place that a Chinese phrase begins with: "武汉" of "武汉地铁"; "" where it begins with something else."""
    first = next(iter(_words(phrase)), "")
    return first if _tag(first) == "ns" or (has_han(first) and is_name(first)) else ""


def phrases(text: str) -> list[str]:
    """The noun phrases of a Chinese text, in order: what stands between verbs, times, particles and marks.

    `phrases("吴城锂电每年的研发投入占多少？") == ["吴城锂电", "研发"]`
    """
    found, run = [], ""
    for word in _words(PRONOUN.sub(" ", ASKS.sub(" ", PERIOD.sub(" ", text)))):
        if _ends_phrase(word):
            found.append(run)
            run = ""
        else:
            run += word
    return [phrase for phrase in (*found, run) if len(phrase) > 1 and not phrase.isdigit()]


def is_named(phrase: str) -> bool:
    """Whether a Chinese phrase names something: holds a proper noun, a word in quotes or Latin letters, or one that no
    dictionary knows."""
    return any(_PROPER.fullmatch(_tag(word) or "nz") and not PERIOD.fullmatch(word) for word in _words(phrase))


def words_of(phrase: str) -> list[str]:
    return list(_words(phrase))


def _words(text: str) -> Iterator[str]:
    """Words; a period, what is quoted or bracketed, and what is written in Latin letters are one each."""
    at = 0
    whole = (match for form in (_QUOTED, PERIOD, _LATIN) for match in form.finditer(text))
    for match in sorted(whole, key=lambda match: (match.start(), -match.end())):
        if match.start() >= at:
            yield from jieba.cut(text[at : match.start()])
            yield match.group()
            at = match.end()
    yield from jieba.cut(text[at:])


def _ends_phrase(word: str) -> bool:
    if PERIOD.fullmatch(word) or _QUOTED.fullmatch(word) or word[:1] in "“《「（(":
        return False
    return (
        _ENDS.fullmatch(_tag(word)) is not None
        or bool(_BOUND.fullmatch(word[:1]))
        or bool(ASKS.fullmatch(word))
        or bool(GOAL.fullmatch(word) or ACTUAL.fullmatch(word))
        or word[-1:] in "了过着"
    )


def strip_verbs(text: str) -> str:
    """Without the verbs, prepositions and particles at its end: "武汉要举办" -> "武汉"."""
    found = words_of(text)
    while found and _ends_phrase(found[-1]):
        found.pop()
    return "".join(found)


_ENDS = regex.compile(r"v|p|d|c|u\w*|r\w*|t|y|m|mq|q")
"""Verbs, prepositions, adverbs, conjunctions, particles, pronouns, times, figures, measures."""

_PROPER = regex.compile(r"nr\w*|ns|nt|nz")


def _tag(word: str) -> str:
    """A word's part of speech in jieba's dictionary; "" for a word that it does not hold."""
    lines, key = _dictionary(), f"{word} ".encode()
    at = bisect_left(lines, key)
    return lines[at].split()[-1].decode() if at < len(lines) and lines[at].startswith(key) else ""


@lru_cache(maxsize=1)
def _dictionary() -> list[bytes]:
    """Its lines, "word count tag", in order: 50 ms, where a dict of them would take 300."""
    with jieba.get_dict_file() as file:
        return sorted(bytes(file.read()).splitlines())
