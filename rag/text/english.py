"""English words -> the Chinese words that may stand for them, from CC-CEDICT (scripts/train/dictionary.py).

The file is shared under CC BY-SA 4.0, as CC-CEDICT is. It is one trie of two kinds of lines: key, SEPARATOR, place (one
digit), Chinese word; and SEPARATOR, syllable of pinyin without its tone, SEPARATOR, all characters that are read so.
"""

import re
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

import marisa_trie
import regex

from rag.text.forms import fold
from rag.text.words import FUNCTION_WORDS, cut_words

FILE = "english.trie"
SEPARATOR = "\t"
_LONGEST = 3  # words of a phrase that is looked up

# Endings that inflection adds, and what stands there in the dictionary. A form counts where the dictionary has it.
_ENDINGS = (
    ("'s", ""),
    ("’s", ""),
    ("ies", "y"),
    ("ves", "fe"),
    ("ves", "f"),
    ("s", ""),
    ("es", ""),
    ("ied", "y"),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("er", ""),
    ("est", ""),
)


@lru_cache(maxsize=1)
def _dictionary() -> marisa_trie.Trie:
    """Mapped from disk: opening it takes a millisecond, and nothing is read before somebody asks in English."""
    return marisa_trie.Trie().mmap(str(files("rag.text").joinpath(FILE)))


def in_chinese(question: str) -> dict[str, tuple[str | re.Pattern[str], ...]]:
    """Of the content words of an English question (in matching form) those that Chinese has a word for, each with the
    words that may say it, likeliest first; a name that is spelt in pinyin has a pattern of how it may be written.

    Nothing for a question in another script. One in another language has only what looks English, its names above all:
    R@6 over reports .83 to .89, too."""
    if len(_LATIN.findall(question)) * 2 < sum(map(str.isalpha, question)):
        return {}
    known = _words_of(list(cut_words(fold(question))))
    sounds = _sounds_of_names(question, known)
    return {**known, **{word: (*known.get(word, ()), sound) for word, sound in sounds.items()}}


_LATIN = regex.compile(r"\p{Latin}")


def _words_of(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """A phrase goes before its words: what "base station" is called stands under both, before what each is called
    alone."""
    found: dict[str, tuple[str, ...]] = {}
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            phrase = words[at : at + length]
            telling = [word for word in phrase if word not in FUNCTION_WORDS]
            if telling and (said := _said(phrase)):
                for word in telling:
                    alone = _said([word]) if length > 1 else ()
                    found[word] = tuple(dict.fromkeys((*found.get(word, ()), *said, *alone)))
                break
        at += length
    return found


def _said(phrase: Sequence[str]) -> tuple[str, ...]:
    for last in forms(phrase[-1]):
        key = " ".join((*phrase[:-1], last)) + SEPARATOR
        if lines := _dictionary().keys(key):
            return tuple(line[len(key) + 1 :] for line in sorted(lines))
    return ()


def forms(word: str) -> Iterator[str]:
    """The word itself and what it may be inflected from: "stations" -> station; "planned" -> planned, plan."""
    yield word
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            yield stem + instead
            if ending in ("ed", "ing", "er", "est") and not instead and len(stem) > 3 and stem[-1] == stem[-2]:
                yield stem[:-1]


_NAMES = regex.compile(r"\b\p{Lu}\p{Ll}*(?:['’]\p{Ll}+)?(?:[ -]\p{Lu}\p{Ll}+(?:['’]\p{Ll}+)?)*")
_SHORTEST = 2  # syllables of a name that is looked for by its sound


def _sounds_of_names(question: str, known: Container[str]) -> dict[str, re.Pattern[str]]:
    """The names in a question that are spelt in pinyin and not `known`, each as a pattern of all characters that are
    read so: "Lantiangou" finds 烂田沟. A word of one syllable is looked for with its neighbour: "Wang Weihang"."""
    found: dict[str, re.Pattern[str]] = {}
    for run in _NAMES.finditer(question):
        words = regex.split("[ -]", fold(run.group()))
        for name in _joined([(word, _syllables(regex.sub("['’]s$", "", word))) for word in words]):
            if any(word not in known for word, _ in name) and sum(len(spelt) for _, spelt in name) >= _SHORTEST:
                pattern = re.compile("".join(_read_so(one) for _, spelt in name for one in spelt))
                found.update((word, pattern) for word, _ in name)
    return found


def _joined(words: Sequence[tuple[str, Sequence[str]]]) -> Iterator[list[tuple[str, Sequence[str]]]]:
    """Words with their syllables -> names: a word of one syllable belongs to its neighbour."""
    name: list[tuple[str, Sequence[str]]] = []
    for word, spelt in words:
        if name and not (spelt and (len(name[-1][1]) == 1 or len(spelt) == 1)):
            yield name
            name = []
        if spelt:
            name.append((word, spelt))
    if name:
        yield name


@lru_cache(maxsize=1024)
def _syllables(word: str) -> tuple[str, ...]:
    """The fewest syllables of pinyin that spell a word; none where none do."""
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, len(word) + 1):
        ways = [
            (*before, word[start:end])
            for start in range(max(0, end - 6), end)
            if (before := best[start]) is not None and _read_so(word[start:end])
        ]
        best.append(min(ways, key=len, default=None))
    return best[-1] or ()


@lru_cache(maxsize=1024)
def _read_so(syllable: str) -> str:
    """The characters that are read so, as a class of a regular expression; "" for no syllable."""
    key = SEPARATOR + syllable + SEPARATOR
    lines = _dictionary().keys(key)
    return f"[{lines[0][len(key) :]}]" if lines else ""
