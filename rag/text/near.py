"""Whether two sentences say the same in nearly the same characters: a reprint, a text recognised twice.

Nearly is not enough: a sentence with another figure, another word, another name is near by every count of characters,
and says something else. So what differs is looked at. A scan's slip turns a word into none; an editor's change turns it
into another one.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

import jieba
import regex

from rag.text.forms import fold, has_han, is_chinese

_CHANGED = 0.2  # share of the characters that may differ
_SLIP = 2  # characters that a slip takes: what differs in a row beyond that is another wording
_SPEAKS = 24, 60  # letters from which a sentence says what it speaks of: Chinese, other
_SURROUNDING = 80, 0.3  # characters looked at on each side of a sentence; share of their shingles to be found in both
_LEAST = 12  # letters that a side must have to count
_SPELLED = 5, 0.8  # letters of a word that may be misspelt, and how alike it must stay

_FIGURE = regex.compile(r"(?:(?<![\da-z])[-−])?\d+(?:[.,]\d+)*(?:\s*[%‰万亿])*")
_THOUSANDS = regex.compile(r",(?=\d{3}(?!\d))")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_NUMERALS = frozenset("0123456789%‰〇零一二三四五六七八九十百千万亿两半几")
# One character that turns a statement into another by coming, going or changing places with another of them.
_TURNS = frozenset(
    "不未没无非否莫勿已将拟曾仍只仅约近超逾余多少大小高低长短增减升降涨跌加盈亏进出买卖胜负赢输正反"
    "东西南北上下左右前后内外男女父母子甲乙丙丁"
)


def letters(text: str) -> str:
    """The letters and figures of a text in matching form, nothing between them."""
    return "".join(filter(str.isalnum, fold(text)))


def shingles(text: str) -> list[str]:
    """The pieces, each once and in order, that a text is compared by: pairs of characters in Chinese, fives elsewhere,
    where pairs say little. `shingles("智新科技") == ["智新", "新科", "科技"]`."""
    folded = letters(text)
    size = 2 if is_chinese(text) else 5
    return list(dict.fromkeys(folded[at : at + size] for at in range(max(len(folded) - size + 1, 1))))


def overlap(one: str, other: str) -> float:
    """Share (0..1) of the shingles of either text that are in both: Jaccard's index."""
    left, right = set(shingles(one)), set(shingles(other))
    return len(left & right) / len(left | right)


def says_same(text: str, span: tuple[int, int], other: str, place: tuple[int, int]) -> bool:
    """Whether the sentence at `span` of `text` and that at `place` of `other` are one statement.

    Of the same letters and long enough, they are. A short one ("去年增长5%。") says the same only where it stands in
    the same surroundings, and so does one that differs in a few characters.
    """
    one, two = text[slice(*span)], other[slice(*place)]
    if not same_statement(one, two):
        return False
    if letters(one) == letters(two) and len(letters(one)) >= _SPEAKS[not is_chinese(one)]:
        return True
    reach, least = _SURROUNDING
    before = text[max(span[0] - reach, 0) : span[0]], other[max(place[0] - reach, 0) : place[0]]
    after = text[span[1] : span[1] + reach], other[place[1] : place[1] + reach]
    return any(
        min(len(letters(left)), len(letters(right))) >= _LEAST and overlap(left, right) >= least
        for left, right in (before, after)
    )


def same_statement(one: str, other: str) -> bool:
    """Whether two sentences are of the same words and figures, slips of single characters aside.

    "去年销量达到53万套。" and "去年销里达到53万套" are, with "35万套" or "产量" they are not.
    """
    left, right = fold(one), fold(other)
    if _figures(left) != _figures(right):
        return False
    left, right = "".join(filter(str.isalnum, left)), "".join(filter(str.isalnum, right))
    if left == right:
        return bool(left)
    if not is_chinese(one):
        return not has_han(one + other) and _same_words(fold(one), fold(other))
    differences = list(_differences(left, right))
    changed = sum(max(len(x), len(y)) for x, y, _, _ in differences)
    if changed > _CHANGED * max(len(left), len(right)):
        return False
    if any(not _is_slip(left, right, *one) for one in differences):
        return False
    return not _changes_a_word(differences, _known_words(left), _known_words(right))


def _figures(folded: str) -> list[str]:
    """Each figure in order, with its sign and what multiplies it: "-1,200.5万" -> "-1200.5万"."""
    found = (_THOUSANDS.sub("", match.group()) for match in _FIGURE.finditer(folded))
    return ["".join(figure.split()).replace("−", "-") for figure in found]


def _differences(left: str, right: str) -> Iterator[tuple[str, str, int, int]]:
    """(what stands here, what stands there in its place, and where each begins)."""
    for kind, i, i_end, j, j_end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind != "equal":
            yield left[i:i_end], right[j:j_end], i, j


def _is_slip(left: str, right: str, here: str, there: str, i: int, j: int) -> bool:
    """Whether a difference can be one: short, in no figure or its unit, in no Latin word, and turning nothing."""
    if max(len(here), len(there)) > _SLIP:
        return False
    around = {left[i - 1 : i], right[j - 1 : j]}
    if _NUMERALS & {*here, *there, *around}:
        return False
    if any(not has_han(character) for character in here + there):
        return False
    turned = [bool(_TURNS & set(piece)) for piece in (here, there)]
    return not any(turned) if not (here and there) else not all(turned)


def _known_words(folded: str) -> list[tuple[int, int]]:
    """[start, end) of the words of two characters or more that the dictionary has."""
    cut = [(start, end) for _, start, end in jieba.tokenize(folded, HMM=False)]
    return [(start, end) for start, end in cut if end - start > 1]


def _changes_a_word(
    differences: list[tuple[str, str, int, int]], here: list[tuple[int, int]], there: list[tuple[int, int]]
) -> bool:
    """Whether a word gave way to another one, or a whole word came or went."""
    for x, y, i, j in differences:
        if x and y:
            changed = all(
                any(start < at + len(piece) and at < end for start, end in words)
                for words, piece, at in ((here, x, i), (there, y, j))
            )
        else:
            words, piece, at = (here, x, i) if x else (there, y, j)
            changed = any(at <= start and end <= at + len(piece) for start, end in words)
        if changed:
            return True
    return False


def _same_words(left: str, right: str) -> bool:
    """Of scripts that part words by spaces: the same words in the same order, long ones misspelt at most."""
    here, there = (_WORD.findall(_THOUSANDS.sub("", folded)) for folded in (left, right))
    if len(here) != len(there):
        return False
    differing = [(x, y) for x, y in zip(here, there, strict=True) if x != y]
    length, alike = _SPELLED
    return len(differing) <= _CHANGED * len(here) and all(
        x[0] == y[0] and min(len(x), len(y)) >= length and SequenceMatcher(None, x, y).ratio() >= alike
        for x, y in differing
    )
