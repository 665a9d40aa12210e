"""Exact match and F1 of an answer as the evaluation script of CMRC 2018 computes them.

Source: Cui et al. 2019, "A Span-Extraction Dataset for Chinese Machine Reading Comprehension" (EMNLP), its script v5:
Chinese by character, anything else by word, both sides lower case and without the script's own list of punctuation; F1
over the longest common run of segments (the script calls it LCS: contiguous, a substring and not a subsequence).

The script leaves words to NLTK, a large package to import for this. `words` follows the same conventions: on the 17,604
gold answers of XQuAD (zh, en, de) and DRCD it gives the same segments, save that NLTK tells opening " from closing.
"""

import re
from collections.abc import Sequence

_PUNCTUATION = frozenset(
    "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
)  # "……", two characters, never matches in the script
_HAN = re.compile(r"[\u4e00-\u9fa5]")  # the script's range

# The Penn Treebank conventions (MacIntyre 1995) as far as an answer needs them: marks stand alone, a full stop belongs
# to its word unless it ends the text, a comma or colon to the figure behind it, and clitics are words (do, n't).
_ALONE = r"""\[\](){}<>;@#$%&?!*"“”«»„‘’`\u2012-\u2015"""
_WORD = re.compile(
    rf"""\.{{2,}} | --
       | [{_ALONE}]
       | (?: [^\s{_ALONE},:.\-] | -(?!-) | [,:](?=\d) | \.(?!\.) (?! [\])}}>"'»”’\s]* $) )+
       | \S""",
    re.VERBOSE,
)
_CLITIC = re.compile(r"(?<=[^'])(?:n't|'(?:s|m|d|ll|re|ve)?)$|(?<=^can)not$")


def words(text: str) -> list[str]:
    """The words and marks of one lower-case sentence.

    >>> words("don't pay $3.50.")
    ['do', "n't", 'pay', '$', '3.50', '.']
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        clitic = _CLITIC.search(word)
        found += [word[: clitic.start()], clitic.group()] if clitic else [word]
    return found


def segments(text: str) -> list[str]:
    """Chinese characters one by one, other text by word, no punctuation.

    >>> segments("约 3,000 people。")
    ['约', '3,000', 'people']
    """
    found: list[str] = []
    other = ""
    for character in _lowered(text):
        if character in _PUNCTUATION:
            continue
        if _HAN.match(character):
            found += [*words(other), character]
            other = ""
        else:
            other += character
    return found + words(other)


def longest_common_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest run of segments that stands in both."""
    longest = 0
    before = [0] * (len(second) + 1)
    for segment in first:
        now = [0] * (len(second) + 1)
        for j, other in enumerate(second):
            if segment == other:
                now[j + 1] = before[j] + 1
        longest = max(longest, *now)
        before = now
    return longest


def f1(prediction: str, golds: Sequence[str]) -> float:
    """The best F1 over the gold answers, in [0, 1]."""
    return max((_f1(segments(prediction), segments(gold)) for gold in golds), default=0.0)


def _f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    common = longest_common_run(gold, predicted)
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the prediction equals a gold answer, punctuation and case aside."""
    return float(any(_bare(prediction) == _bare(gold) for gold in golds))


def _bare(text: str) -> str:
    return "".join(character for character in _lowered(text) if character not in _PUNCTUATION)


def _lowered(text: str) -> str:
    return text.lower().strip()
