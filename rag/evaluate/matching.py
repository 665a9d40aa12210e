"""When a gold answer counts as standing in a text, and where.

Compatibility forms, case, white space and digit grouping are no difference: `squeeze("１,２３４ 万元") == "1234万元"`.
Traditional and simplified characters do differ: what is evaluated quotes, it does not convert.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rag.text import has_han, sentence_spans, simplify

AnswerGroups = Sequence[Sequence[str]]
"""Groups of alternatives: an answer is right when it holds one alternative of every group."""

_GROUPING = r"(?<=\d),(?=\d{3}(?!\d))"
_DROPPED = re.compile(rf"\s|{_GROUPING}")


def squeeze(text: str) -> str:
    """The form in which gold and answer are compared: NFKC, case folded, no white space, 1,234 as 1234."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", text).casefold())


def holds(squeezed: str, alternatives: Iterable[str]) -> bool:
    """Whether one of `alternatives` stands in a text that was squeezed before."""
    return any(squeeze(alternative) in squeezed for alternative in alternatives)


def holds_all(squeezed: str, groups: AnswerGroups) -> bool:
    """Whether every group has an alternative in a text that was squeezed before; False where there is no group."""
    return bool(groups) and all(holds(squeezed, group) for group in groups)


def locate(needle: str, text: str) -> list[tuple[int, int]]:
    """[start, end) of every place in `text` where `needle` stands as it is; if none, where it does with both squeezed.

    In order; places may overlap.
    """
    if exact := _places(needle.strip(), text):
        return [(at, at + len(needle.strip())) for at in exact]
    wanted = squeeze(needle)
    if wanted not in squeeze(text):
        return []
    forms = [unicodedata.normalize("NFKC", character).casefold() for character in text]
    whole = "".join(forms)
    origin = [offset for offset, form in enumerate(forms) for _ in form]
    dropped = {match.start() for match in _DROPPED.finditer(whole)}
    kept = [i for i in range(len(whole)) if i not in dropped]
    squeezed = "".join(whole[i] for i in kept)
    return [(origin[kept[at]], origin[kept[at + len(wanted) - 1]] + 1) for at in _places(wanted, squeezed)]


def _places(needle: str, text: str) -> list[int]:
    """Where `needle` begins in `text`; nowhere for an empty one."""
    return [match.start() for match in re.finditer(f"(?={re.escape(needle)})", text)] if needle else []


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """[start, end) of the sentences that `text[start:end]` lies in."""
    spans = [span for span in sentence_spans(text) if span[0] < end and span[1] > start]
    return (spans[0][0], spans[-1][1]) if spans else (start, end)


def language_of(text: str) -> str:
    """ "zh", "zh-Hant" (holds a character that only traditional Chinese has), "en" (plain Latin letters) or "other".

    By script alone: Chinese with foreign names in it is Chinese, an English question about one Chinese word is English.
    """
    if re.search(r"[\u3040-\u30ff\uac00-\ud7af]", text):  # kana, hangul
        return "other"
    han = sum(map(has_han, text))
    latin_words = re.findall(r"[^\W\d_]+", "".join(" " if has_han(character) else character for character in text))
    if han and han >= len(latin_words):
        return "zh" if simplify(text) == text else "zh-Hant"
    return "en" if latin_words and all(map(str.isascii, latin_words)) else "other"
