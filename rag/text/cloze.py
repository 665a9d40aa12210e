"""A sentence that tells a figure -> a question that asks for it."""

from collections.abc import Iterator

import regex

from rag.text.asks import UNIT
from rag.text.forms import has_han

_CLAUSE = regex.compile(r"[^,，;；。:：!！?？\n]+")
_FIGURE = regex.compile(rf"\d[\d.,]*(?=(?:{UNIT})(?!以上|以下|左右|级))")
_DIGITS = regex.compile(r"\d[\d.,]*")
_ABOUT = regex.compile(r"(?:超过|将近|[近超约])(?=多少)")
_VERBS = (  # a clause that begins with one says what was done and not by whom
    r"\p{Han}?(?:[新创签][增建入约])|建[成设]|实现|完成|培育|出台|举办|组织|规划|落实|拆除|开展|做强|接待|减免|聚焦|优化|启动"
    r"|会同|推进|打造|达到|突破|高于|预计|力争"
)
_UNFIT = regex.compile(
    r"[“”\"‘’()（）《》、/]|等"  # an apposition or a list: cut to one clause, it reads oddly
    rf"|^(?:{_VERBS}|[其该这此并也还又的对为在]|目前|同比|同时|项目|总量|[去每]年|全[年区市省])"  # leans on the text
    r"|多少.*(?:[中后时前下]|以来)$|(?:首批|[的第])多少"
    r"|\s|(\p{Han})\1(?=多少)"  # a column break, a character printed twice
)
_LENGTH = range(9, 31)  # characters: shorter names no subject, longer is no question that one would ask


def cloze_questions(sentence: str) -> Iterator[str]:
    """Questions that `sentence` answers, for sentences in Chinese; none where no clause of it tells one figure.

    >>> list(cloze_questions("去年，武汉新港集装箱吞吐量达156万标箱。"))
    ['武汉新港集装箱吞吐量达多少万标箱？']
    """
    for match in _CLAUSE.finditer(sentence):
        clause = match.group().strip()
        figure = _FIGURE.search(clause)
        if figure is None or len(clause) not in _LENGTH or len(_DIGITS.findall(clause)) > 1:
            continue
        question = _ABOUT.sub("", clause[: figure.start()] + "多少") + clause[figure.end() :]
        if has_han(clause[: figure.start()]) and not _UNFIT.search(question):
            yield question + "？"
