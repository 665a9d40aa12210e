"""A Chinese follow-up, put part for part into the question before it."""

from collections.abc import Iterator

import regex

from rag.conversation.parts import (
    ACTUAL,
    GOAL,
    PERIOD,
    PRONOUN,
    Asked,
    is_named,
    period_of,
    phrases,
    place_of,
    strip_verbs,
    take_apart,
    words_of,
)
from rag.text import asks_date, simplify

_LEAD = regex.compile(r"^(?:那么|还有|另外|至于|换成|那(?=[去今明前后上下它他她到在从\d])|[，,\s])+")
_WHO = regex.compile(r"谁|哪[家位]|叫什么|什么(?:名|公司|企业)")
_MEASURE = regex.compile(
    r"(?:[额值量率数重比速幅]|收入|投资|规模|面积|人口|产能|利润|成本|价格|里程|长度|高度|年龄|目标)$"
)
_WHICH = regex.compile(r"哪(?!里|儿|一?[年天])")
_WHERE = ("在", "于", "位于", "属于", "到", "去", "是", "来自")


def chinese_readings(question: str, before: str, answered: str) -> Iterator[str]:
    before, answered = simplify(before), simplify(answered)  # as jieba's dictionary has it
    text = _without_lead(simplify(question)).rstrip("?？。 ")
    rest = text.removesuffix("呢")
    period = period_of(rest)
    then = _at(before, period)
    asked = take_apart(rest)
    bare = PRONOUN.sub("", PERIOD.sub("", rest)).lstrip("的，, ")
    if not asked.asks:
        yield from _substituted(bare.lstrip("到在从"), then)
        if not period and rest == simplify(question).rstrip("?？。 "):  # "谢谢"
            yield question
    elif period and _measures_the_same(asked, before):  # "那2020年计划多少？"
        yield from _substituted("".join(GOAL.findall(bare)[:1] or ACTUAL.findall(bare)[:1]), then)
    elif points := PRONOUN.search(rest):
        named = any(map(is_named, phrases(rest[: points.start()])))  # what the pronoun points at
        yield from [question] if named else _resolved(rest, then, answered)
    else:
        led = text != simplify(question).rstrip("?？。 ")  # "那..." says that it follows
        yield from _completed(text, then, period, f"{text}？" if led else question)


def _without_lead(text: str) -> str:
    """Without what only takes up the thread: "那2020年呢" -> "2020年呢", but "那曲市" stays."""
    text = _LEAD.sub("", text.strip())
    return text.removeprefix("那") if words_of(text)[:1] == ["那"] else text


def _at(before: str, period: str) -> str:
    """The question before, asked of another period."""
    if not period:
        return before
    if period[0] in "上下前第一二三四" and (year := regex.search(r"\d{4}年", before)):
        period = year.group() + period
    known = period_of(before)
    if period[0] in "去前" or (known[:4].isdigit() and period[:4].isdigit() and period[:4] < known[:4]):
        before = _without_goal(before)  # of the past one asks what came of it
    return before.replace(known, period, 1) if known else period + before


def _without_goal(text: str) -> str:
    return regex.sub(rf"的?(?:{GOAL.pattern})", "", text)


def _measures_the_same(asked: Asked, before: str) -> bool:
    """Whether a question that names a period of its own leaves what it measures to the one before."""
    said = words_of(PERIOD.sub("", asked.before + asked.after))
    left = [word for word in said if word not in before and not GOAL.fullmatch(word) and not ACTUAL.fullmatch(word)]
    return len("".join(left).replace("了", "")) < 2


def _place(before: str) -> str:
    return place_of(next(iter(phrases(before)), ""))


def _name(before: str) -> str:
    """What a question is about: "智新科技" of "智新科技卖了多少套"; "" where that is what it measures, too."""
    opens, named = PERIOD.sub("", before), next(iter(phrases(before)), "")
    asked = take_apart(opens)
    return named if opens.startswith(named) and (named != asked.before or asked.after) else ""


def _in_order(period: str, named: str, before: str) -> str:
    return period + named if before.find(period) <= before.find(named) else named + period


def _topic(before: str) -> str:
    """What a question speaks of, without what it asks: "2024年武汉要举办多少场活动？" -> "2024年武汉活动"."""
    asked = take_apart(before)
    topic = strip_verbs(asked.before)
    if not phrases(topic):  # "谁绘制了圣约翰河的地图？"
        said = phrases(asked.after)
        return asked.after[asked.after.find(said[0]) :] if said else topic
    which = _WHICH.search(asked.asks) and not asked.before.endswith(_WHERE)
    return topic + asked.after if asked.counts or which else topic


def _about(before: str, text: str) -> str:
    return f"{_topic(before)}，{text}？"


def _substituted(part: str, before: str) -> Iterator[str]:
    """`part` in the place of what it might stand for in the question before."""
    asked = take_apart(before)
    if not part:
        yield before
        yield _without_goal(before)
    elif GOAL.fullmatch(part):
        stem = _without_goal(asked.before)
        measured = stem.rstrip("了要") + asked.after if asked.after else strip_verbs(stem)
        yield f"{measured}{'' if '的' in measured else '的'}目标是多少？"
        yield before
    elif ACTUAL.fullmatch(part):
        yield _without_goal(before)
    elif place_of(part) == part:
        place = _place(before)
        yield before.replace(place, part, 1) if place else part + before
    else:
        if GOAL.search(part):
            before = _without_goal(before)
        yield from _substituted_after(part, before) if asked.after else _substituted_before(part, before)
        if _MEASURE.search(part) and not _MEASURE.search(_topic(before)):
            yield f"{_topic(before)}的{part}是多少？"


def _substituted_after(part: str, before: str) -> Iterator[str]:
    """What is measured stands at the end: "要举办多少场【活动】"."""
    asked = take_apart(before)
    period = period_of(before)
    if _MEASURE.search(part):  # "卖了多少套产品？" -> "收入呢？"
        yield f"{_in_order(period, _place(before) or _name(before), before)}{part}是多少？"
        return
    asks = regex.sub(r"(?:多少|几).*", "多少", asked.asks) if asked.counts else asked.asks
    if part.endswith("的"):
        yield f"{asked.before}{asked.asks}{part}{asked.after}？"
    else:
        yield f"{asked.before}{asks}{part}？"
    if not place_of(part):
        period = _in_order(period, _place(before), before)
    if asked.counts and not part.endswith("的"):
        yield f"{period}{part}有多少？"


def _substituted_before(part: str, before: str) -> Iterator[str]:
    """What is measured stands before: "武汉【机器人】【产量】增长多少"; the part may be all of it or either half."""
    asked = take_apart(before)
    named = _place(before)
    if not named and len(phrases(before)) > 1:
        named = _name(before)
    frame = _in_order(period_of(before), named, before)
    asks = regex.sub(r"(?:多少|几).*", "多少", asked.asks) if asked.counts else asked.asks
    subject = asked.before
    for known in (period_of(before), named):
        subject = subject.replace(known, "", 1)
    subject = subject.removeprefix("的")
    nouns = strip_verbs(subject)
    verbs = subject[len(nouns) :]
    cut = nouns.rfind("的") + 1 or len(nouns) - len("".join(words_of(nouns)[-1:]))
    whole = f"{frame}{part}{verbs}{asks}？"
    if not 0 < cut < len(nouns):
        yield whole
        return
    of = "的" if nouns[cut - 1] == "的" else ""
    owner = f"{frame}{part}{of}{nouns[cut:]}{verbs}{asks}？"
    if _MEASURE.search(part):
        if of or _MEASURE.search(nouns):
            yield f"{frame}{nouns[:cut]}{part}{verbs}{asks}？"
        yield whole
    elif of or _MEASURE.search(nouns) or len(words_of(part)) == 1:
        yield from (owner, whole)
    else:
        yield whole


def _resolved(rest: str, before: str, answered: str) -> Iterator[str]:
    """A name or a phrase of what went before in the place of the pronoun."""
    named = phrases(before)
    if len(named) > 1 and place_of(named[0]) == named[0]:
        named = [named[0] + named[1], named[1]]
    if _WHO.search(before):  # the answer is a name: a person is meant by it, a thing by what the question tells of it
        told = [name for name in phrases(answered) if name not in before and is_named(name) and not place_of(name)]
        named = [PERIOD.sub("", _topic(before)), *named[:1]]
        at = 0 if regex.search("[他她]", rest) else 1
        named[at:at] = told[:1]
    period, own = period_of(before), period_of(rest)
    for name in list(dict.fromkeys(filter(None, named)))[:2]:
        found = PRONOUN.sub("", PRONOUN.sub(name, rest, count=1)) + "？"
        yield found
        if period and not own and not asks_date(rest):
            yield period + found
    if _topic(before) not in named:
        yield _about(PERIOD.sub("", before) if own else before, PRONOUN.sub("", rest).removeprefix("的"))


def _completed(text: str, before: str, period: str, alone: str) -> Iterator[str]:
    """A question that points nowhere: within the frame of the one before it, about the same, or by itself."""
    opens = PERIOD.sub("", text).lstrip("，,在 ")
    first = next(iter(phrases(opens)), "")
    placed = bool(place_of(first)) and opens.startswith(first)
    named = opens.startswith(first) and is_named(first) and bool(_name(opens))
    if placed or named:
        yield alone
        if period:
            return
    frames = [frame for frame in (_place(before), _name(before)) if frame and frame not in text and not placed]
    for frame in frames or [""]:
        yield f"{_in_order('' if period else period_of(before), frame, before)}{text}？"
    if not named:
        yield _about(PERIOD.sub("", before) if period else before, text)
    yield alone
