"""Where sentences end."""

import regex

from rag.text.forms import has_han

_ENDERS = "。！？!?｡؟۔।॥"
_CLOSERS = "”’」』）)】》〉\"'］]"
_OPEN_TO_CLOSE = {"（": "）", "(": ")", "《": "》", "〈": "〉", "【": "】", "「": "」", "『": "』", "“": "”"}
_NEVER_INSIDE = "（(《〈【"  # a sentence end inside these belongs to the sentence around them

_CANDIDATE = regex.compile(
    rf"[{regex.escape(_ENDERS)}]+[{regex.escape(_CLOSERS)}]*"
    rf"|(?:…+|\.{{3,}})[{regex.escape(_CLOSERS)}]*"
    rf"|[；;](?=\s*\S)"
    rf"|\.[{regex.escape(_CLOSERS)}]*(?=\s|$)"
    r"|\n"
)
_ABBREVIATION = regex.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|Nos|Fig|Vol|pp|vs|etc|cf|al|Inc|Ltd|Co|Corp|Gen|Col|Rev|Jan|Feb|Mar|Apr|Jun"
    r"|Jul|Aug|Sept?|Oct|Nov|Dec|approx|e\.g|i\.e|z\.B|Nr|M|Mme|art|ca)|\b\p{Lu}|\b(?:\p{L}\.)+\p{L})$"
)
_SPEECH = regex.compile(r"[^，,。；;！？!?\d]{1,20}(?:说|表示|介绍|称|道|指出|认为|告诉[^，。]{1,6})[。.]")
_MIN_CLAUSE = 12  # characters; a shorter piece at a semicolon stays with its neighbour


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """[start, end) of each sentence, in order, white space at the edges left out; every other character is in one.

    A line break always ends a sentence. Otherwise a sentence ends at 。！？ and their like with the closing quotes
    behind them, at an ellipsis that a new sentence follows, at a semicolon between two full clauses, and at a full
    stop that is no decimal point, abbreviation or initial. Inside brackets and book-title marks nothing ends, and the
    speaker after a quotation ("……。"周耿说。) stays with it.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    depth = _BracketDepth(text)
    for match in _CANDIDATE.finditer(text):
        if match.start() < start:
            continue  # the speaker behind a quotation was already taken in
        end = match.end()
        if text[match.start()] != "\n":
            if not _ends_sentence(text, start, match.start(), end, depth):
                continue
            if text[end - 1] in '”"’」' and (speech := _SPEECH.match(text, end)):
                end = speech.end()
        _append(spans, text, start, end)
        start = end
    _append(spans, text, start, len(text))
    return spans


def _ends_sentence(text: str, start: int, at: int, end: int, depth: "_BracketDepth") -> bool:
    mark = text[at]
    if depth.at(at, start):
        return False
    if mark in "；;":
        following = text[end : end + _MIN_CLAUSE]
        return (
            has_han(text[max(start, at - 2) : at])
            and at - start >= _MIN_CLAUSE
            and not depth.in_quotes(at, start)
            and len(following) == _MIN_CLAUSE
            and not any(stop in following for stop in "。！？\n")
        ) or text[end : end + 1] in ("—", "–")
    after = text[end : end + 1]
    if mark == ".":
        if end - at == 1 and _ABBREVIATION.search(text, max(start, at - 12), at):
            return False
        following = text[end : end + 3].lstrip()[:1]
        return not following or not following.islower()
    if mark == "…":
        return not after or (after not in "，,、；;：:。！？" and not after.islower())
    if after and after in "，,、；;：:的":
        return False  # “去不去？”的问题
    # A cry or question quoted in mid-sentence (在“到武汉去！”活动中) ends nothing; one that opens the sentence is one.
    quoted = mark in "！？!?" and text[end - 1] in "”’」』" and after and not after.isspace()
    return not quoted or text[start] in "“‘「『"


class _BracketDepth:
    """Whether an offset stands inside brackets opened in the same sentence; an unclosed bracket counts for nothing."""

    _LIMIT = 200  # characters looked back and ahead: brackets longer than that are taken for a slip of the pen

    def __init__(self, text: str) -> None:
        self._text = text

    def _open(self, at: int, start: int, openers: str) -> bool:
        text = self._text
        for opener in openers:
            opened = text.rfind(opener, max(start, at - self._LIMIT), at)
            if opened < 0:
                continue
            closer = _OPEN_TO_CLOSE[opener]
            if text.find(closer, opened, at) < 0 and text.find(closer, at, at + self._LIMIT) >= 0:
                newline = text.find("\n", opened, at)
                if newline < 0:
                    return True
        return False

    def at(self, at: int, start: int) -> bool:
        return self._open(at, start, _NEVER_INSIDE)

    def in_quotes(self, at: int, start: int) -> bool:
        return self._open(at, start, "“「『")


_FINISHED = regex.compile(rf"[{regex.escape(_ENDERS)}；;:：….][{regex.escape(_CLOSERS)}]*$")


def is_finished(sentence: str) -> bool:
    """Whether it ends as sentences do; a heading or a caption does not."""
    return _FINISHED.search(sentence) is not None


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))


_CELL_END = regex.compile(r"[，|]|,\s")
_HEAD = regex.compile(r"\s*(.+?)(?:：|:\s)\s*\S")


def row_heads(text: str) -> tuple[str, ...]:
    """What a row of a table says before the value of each cell, "" for a cell without.

    For "白鹭县，面积：12公顷，人口：3万。" that is ("", "面积", "人口"), the same for each row of a table without gaps;
    of a printed row ("白鹭县 | 3万。") only the number of cells is known. Empty for a text in no such form; one that is
    announced ("他说：……") has none.
    """
    cells = _CELL_END.split(text)
    heads = tuple(match[1] if (match := _HEAD.match(cell)) else "" for cell in cells)
    return heads if any(heads[1:]) or " | " in text else ()
