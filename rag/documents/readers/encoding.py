"""Bytes -> text, whatever the encoding: by mark, by validity (UTF-8), else by how ordinary the text reads in each."""

import codecs
import unicodedata
from functools import cache
from itertools import pairwise

from rag.errors import EmptyFileError, NotTextError

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SAMPLE = 20_000  # bytes looked at to tell encodings apart
_STRAY, _BESIDE = 100, 5  # characters beyond ASCII for one that is not whole; and at least, where that is the only one
_SURE = 0.8  # share of ordinary characters from which on an encoding is believed
_BELIEVED = 0.65  # below which it is not
_ALPHABETS = {"cp1251": True, "koi8_r": True, "cp1252": False}  # whether letters beyond ASCII stand side by side
_LETTERS_1252 = frozenset("ÀÂÄÇÈÉÊËÎÏÔÖÙÛÜßàáâäãåæçèéêëìíîïñòóôöõøœùúûü«»“”‘’–—…€£°·¿¡\xa0")


_MEANT = {  # the codec that is named -> those that are meant by it, likeliest first, as browsers have it
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "big5": ("big5hkscs",),
    "shift_jis": ("cp932",),
    "iso8859-1": ("cp1252", "latin-1"),
}


def decode_as(data: bytes, name: str) -> str | None:
    """The text in the encoding that is said to be its own; None where nobody knows it or it is not true."""
    try:
        named = codecs.lookup(name.lower().removeprefix("x-")).name
        for encoding in _MEANT.get(named, (named,)):
            if (text := _strict(data, encoding)) is not None:
                return text
    except (LookupError, ValueError):  # nobody knows it, or it is none of texts
        pass
    return None


def decode(data: bytes, path: str) -> str:
    """The text, line ends as they are. Raises EmptyFileError, NotTextError."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _checked(_strict(data, encoding), path)
    utf8 = _nearly(data, "utf-8")
    if utf8 is not None and b"\0" not in data:
        return _checked(utf8, path)
    encoding, score = _likeliest(data)
    if score < _SURE and (chinese := _nearly(data, "gb18030")) is not None and _reads(chinese, "gb18030"):
        return _checked(chinese, path)
    if score < _SURE and len(data) % 2 == 0:  # UTF-16 without its mark
        wide = max(("utf-16-le", "utf-16-be"), key=lambda one: _plain(data, one))
        if _plain(data, wide) > max(score, _SURE):
            return _checked(_strict(data, wide), path)
    if score < _BELIEVED:  # nothing reads well: Polish, say. Of a few marks in English, Windows' own are the likeliest
        sample = data[:_SAMPLE]
        few = 10 * sum(byte > 0x7F for byte in sample) <= len(sample)
        return _checked(_strict(data, "cp1252") if few else None, path)
    return _checked(_strict(data, encoding), path)


def _nearly(data: bytes, encoding: str) -> str | None:
    """The text, also where a byte in it went astray or its end is cut off within a character, which become U+FFFD."""
    text = data.decode(encoding, "replace")
    wrong = text.count("\ufffd") - data.count("\ufffd".encode(encoding))
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return text if wrong <= max(1, beyond // _STRAY) and beyond >= _BESIDE * wrong else None


def _reads(text: str, encoding: str) -> bool:
    return _score(text[:_SAMPLE].replace("\ufffd", "").encode(encoding, "ignore"), encoding) >= _SURE


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _likeliest(data: bytes) -> tuple[str, float]:
    """(encoding, score): that in which the characters beyond ASCII are ordinary ones of its script, most of all."""
    sample = data[:_SAMPLE]
    scores = {encoding: _score(sample, encoding) for encoding in _ordinary()}
    best = max(scores, key=lambda encoding: scores[encoding])
    if _strict(data, best) is None:  # GB18030 holds all of the others' bytes that are text at all
        return "gb18030", 0.0
    return best, scores[best]


def _score(sample: bytes, encoding: str) -> float:
    text = sample.decode(encoding, "replace").removesuffix("\ufffd")  # the sample may end within a character
    beyond = [character for character in text if character > "\x7f"]
    if not beyond or "\ufffd" in text:
        return -1.0
    ordinary, characteristic = _ordinary()[encoding]
    if sum(character in characteristic for character in beyond) * 10 < len(beyond):
        return 0.0
    if encoding in _ALPHABETS:  # Cyrillic stands in runs, accents among ASCII
        runs = sum(a > "\x7f" and b > "\x7f" for a, b in pairwise(text)) / len(beyond)
        if (runs > 0.5) != _ALPHABETS[encoding]:
            return 0.0
    return sum(character in ordinary for character in beyond) / len(beyond) + (0.01 if encoding == "cp949" else 0.0)


def _plain(data: bytes, encoding: str) -> float:
    """The share of the commonest Han characters and of ASCII in data read as UTF-16."""
    text = data[:_SAMPLE].decode(encoding, "replace")
    known = _ordinary()
    common = known["gb18030"][0] | known["cp950"][0]
    return sum(" " <= c <= "~" or c in "\r\n\t" or c in common for c in text) / max(1, len(text))


@cache
def _ordinary() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """encoding -> (the characters that make up nearly all of its texts, those without which a text is not one).

    The first levels of the national standards, which they order by use: GB 2312 rows 16-55, Big5 A4-C6, JIS X 0208
    rows 16-47, the syllables of KS X 1001.
    """
    marks = frozenset("，。、；：？！“”‘’（）《》「」『』【】—…·％　￥０１２３４５６７８９～℃")
    simplified = _rows("gb2312", 0xB0, 0xD7) | marks
    traditional = frozenset(
        character
        for lead in range(0xA4, 0xC7)
        for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF))
        for character in bytes((lead, trail)).decode("big5", "ignore")
    )
    kana = frozenset(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD))))
    japanese = _rows("euc_jp", 0xB0, 0xCF) | kana | marks
    hangul = _rows("euc_kr", 0xB0, 0xC8)
    cyrillic = frozenset(map(chr, range(0x430, 0x450))) | frozenset("ё«»—–№\xa0")  # the other encoding swaps the case
    return {
        "gb18030": (simplified, simplified),
        "cp950": (traditional | marks, traditional),
        "cp932": (japanese, kana),
        "euc_jp": (japanese, kana),
        "cp949": (hangul | marks, hangul),
        "cp1251": (cyrillic, cyrillic),
        "koi8_r": (cyrillic, cyrillic),
        "cp1252": (_LETTERS_1252, _LETTERS_1252),
    }


def _rows(encoding: str, first: int, last: int) -> frozenset[str]:
    return frozenset(
        character
        for lead in range(first, last + 1)
        for trail in range(0xA1, 0xFF)
        for character in bytes((lead, trail)).decode(encoding, "ignore")
    )


def _checked(text: str | None, path: str) -> str:
    sample = (text or "")[:100_000]
    odd = sum(
        unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs") and character not in "\t\n\r\f\v"
        for character in sample
    )
    if text is None or odd > len(sample) // 100:
        raise NotTextError(path=path)
    if not text.strip("\ufeff \t\r\n\f\v"):
        raise EmptyFileError(path=path)
    return text
