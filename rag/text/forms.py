"""The matching form of a text: what is compared with what, whatever the width, script or case it is written in."""

import unicodedata
from functools import lru_cache

import opencc
import regex

_UNPRINTABLE = regex.compile(r"[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    """Traditional -> simplified, character by character, so that offsets stay what they were."""
    converter = opencc.OpenCC("t2s")
    hans = "".join(map(chr, (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))))
    converted = converter.convert("\n".join(hans)).split("\n")
    return {ord(a): b for a, b in zip(hans, converted, strict=True) if a != b and len(b) == 1}


def simplify(text: str) -> str:
    """Traditional characters as simplified ones; same length."""
    return text.translate(_simplified())


def fold(text: str) -> str:
    """The matching form: NFKC, simplified, lower case. `fold("１.５％ 臺灣") == "1.5% 台湾"`."""
    return simplify(unicodedata.normalize("NFKC", text)).lower()


def fold_aligned(text: str) -> tuple[str, list[int]]:
    """`fold`, character by character, with the offset in `text` that each folded character comes from."""
    folded: list[str] = []
    origin: list[int] = []
    for offset, character in enumerate(text):
        form = fold(character)
        folded.append(form)
        origin.extend([offset] * len(form))
    return "".join(folded), origin


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None


_HAN = regex.compile(r"\p{Han}")


def needs_space(left: str, right: str) -> bool:
    """Whether two texts that read on need a space between them: Latin words do, Chinese does not."""
    return bool(left and right) and not (_is_wide(left[-1]) or _is_wide(right[0]))


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" or character in "“”‘’—…"


def is_chinese(text: str) -> bool:
    """Whether a text is mostly written in Chinese characters, and not Japanese."""
    return _script(text) == "Han"


def scripts_differ(question: str, text: str) -> bool:
    """Whether hardly any word of `question` could occur in `text`, whatever it says: another script."""
    return _script(question) != _script(text)


def _script(text: str) -> str:
    if _KANA.search(text):
        return "Kana"
    if _HAN.search(text):
        han, letters = len(_HAN.findall(text)), len(_LETTER.findall(text))
        return "Han" if han * 3 >= letters else "other"
    return "other"


_KANA = regex.compile(r"[\p{Hiragana}]|[\p{Katakana}]{2}")
_LETTER = regex.compile(r"[\p{L}--\p{Han}]", flags=regex.V1)


def one_line(name: str) -> str:
    """A path as it can be shown and stored: what would break the line, turn it round or be no character is escaped."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), name)
