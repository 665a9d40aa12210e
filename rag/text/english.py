"""English words -> the Chinese words that may stand for them, from CC-CEDICT (scripts/train/dictionary.py)."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

import marisa_trie

from rag.text.forms import fold
from rag.text.words import FUNCTION_WORDS, cut_words

FILE = "english.trie"
"""Lines of key, SEPARATOR, place (one digit) and Chinese word, as a trie."""

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


def in_chinese(question: str) -> dict[str, tuple[str, ...]]:
    """Of the content words of an English question those that the dictionary knows, in matching form, each with the
    Chinese words that may say it, likeliest first. A phrase goes before its words: what "base station" is called
    stands under both, before what each is called alone."""
    words = list(cut_words(fold(question)))
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
