"""What a line is, by its form alone: furniture, a date, an item of a list, a heading, finished or broken off."""

import unicodedata

import regex

from rag.text import find_date, has_han, is_finished

_TERMINAL = regex.compile(r"(?:[。！？!?；;：:…]|——|(?<![A-Z])\.)[”’」』）)】》\"']*$")
_CLOSED = regex.compile(r"^(?:[（(【\[].*[)）】\]]|“[^“”]*”)$")
_ITEM = regex.compile(
    r"^(?:[•·●○■□◆▪▶➢✓※*]|[-–](?=\s)|——|[一二三四五六七八九十]{1,3}、|[（(](?:[一二三四五六七八九十]{1,3}|\d{1,2})[)）]|\d{1,2}(?:[.．、)）](?!\d)|(?:\.\d{1,2})+\s)|第[一二三四五六七八九十百\d]{1,4}[章节条编部分])"
)
_BULLET = regex.compile(r"^(?:[•·●○■□◆▪▶➢✓※*]|[-–](?=\s))\s*")
_DATE_LINE = regex.compile(
    r"^(?:(?:发布|发表|更新|印发)?(?:日期|时间|于)|date|published|updated)?\s*[:：]?\s*"
    r"(?P<date>(?:19|20)\d{2}\s*[-/.年]\s*\d{1,2}\s*(?:[-/.月]\s*\d{1,2}\s*日?|月))"
    r"(?:\s*[（(]?星期[一二三四五六日天][)）]?)?(?:[\sT]+\d{1,2}:\d{2}(?::\d{2})?)?"
    r"(?:\s++(?:浏览|阅读|点击|来源|作者|字号)\S*+)*+(?:\s++\d+)?\s*$",
    flags=regex.IGNORECASE,
)
_DATE_LINE_CHARS = 80
_FURNITURE = regex.compile(
    r"^(?:第?\s*\d+\s*页|共\s*\d+\s*页|第?\s*\d+\s*页?\s*[/／,，共]\s*共?\s*\d+\s*页?|[-—–~·\s]*\d{1,4}[-—–~·\s]*"
    r"|page\s+\d+(?:\s+of\s+\d+)?|[上下]一[页篇](?:\s*[:：].{0,40})?|返回(?:顶部|首页|列表)|打印本?页?|关闭(?:窗口|本页)?"
    r"|分享到?(?:\s*[:：].{0,12})?|扫一扫.{0,12}|(?:责任编辑|责编|编辑|校对|审核|版权所有|网站标识码)\s*[:：].{0,40}"
    r"|.{0,20}ICP备.{0,30}|.{0,30}公网安备.{0,30}"
    r"|(?:(?:copyright\s*)?(?:©|\(c\)\s*(?=(?:19|20)\d\d))|copyright\s+(?:19|20)\d\d).{0,60}|all rights reserved.{0,20}"
    r"|\d{3,4}-\d{3,4}-\d{3,4}|https?://\S+|www\.\S+"
    r"|(?:home|首页)\s*[>›»/].{0,80}|cookie.{0,20}(?:设置|政策|policy|settings))$",
    flags=regex.IGNORECASE,
)
_LETTER_SPACED = regex.compile(r"(?:(?<=\p{Han}) (?=[\p{Han}\p{P}]))|(?:(?<=\p{P}) (?=\p{Han}))")
_HEADING_WIDTH = 45.0


def is_furniture(text: str) -> bool:
    """Page numbers, print and share buttons, copyright, a number or address by itself: what no author wrote."""
    text = text.strip()
    return _FURNITURE.match(text) is not None and date_line(text) is None and not is_finished(text)


def date_line(text: str) -> str | None:
    """The ISO date of a line that holds nothing but a date (and a time, a source or a view count)."""
    match = _DATE_LINE.match(text.strip()) if len(text) <= _DATE_LINE_CHARS else None
    found = find_date(match["date"]) if match else None
    return found[0] if found else None


def is_terminal(text: str) -> bool:
    """Whether a paragraph that ends so is finished."""
    return _TERMINAL.search(text) is not None or _CLOSED.match(text) is not None


def without_bullet(text: str) -> str:
    return _BULLET.sub("", text)


def display_width(text: str) -> float:
    """Width in full-width characters: ASCII counts half."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WFA" else 0.5 for c in text[:400]) + max(0, len(text) - 400)


def is_closed(text: str) -> bool:
    """Whether a line stands in brackets or quotation marks as a whole."""
    return _CLOSED.match(text) is not None


def is_item(text: str) -> bool:
    """Whether a line begins as an item of a list does, with a bullet or a number."""
    return _ITEM.match(text) is not None


def tidy(text: str) -> str:
    text = text.strip()
    if not has_han(text):
        return text
    gaps = len(_LETTER_SPACED.findall(text))
    if gaps >= 3 and gaps * 3 >= len(text) - gaps:  # letter-spaced to fill a narrow column
        return _LETTER_SPACED.sub("", text)
    return text


def looks_like_heading(text: str) -> bool:
    """Short, unfinished by punctuation, and more than a number."""
    return display_width(text) <= _HEADING_WIDTH and not is_terminal(text) and sum(map(str.isalpha, text)) >= 2


def heading_level(text: str, run: int) -> int:
    if regex.match(r"第[一二三四五六七八九十百\d]+[章编部]|[一二三四五六七八九十]{1,3}、", text):
        return 2
    if regex.match(r"[（(][一二三四五六七八九十]{1,3}[)）]|第[一二三四五六七八九十百\d]+[节条]", text):
        return 3
    if regex.match(r"\d{1,2}[.．、]", text):
        return 4
    return 1 + run
