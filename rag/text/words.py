"""Words: how a text is cut into them, which of them tell something, whether a text holds one."""

import logging
import math
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import marisa_trie
import regex

from rag.text.forms import fold, fold_aligned, has_han, simplify

with warnings.catch_warnings():  # of escapes of its own, told when it is compiled: that is, to the first who asks
    warnings.simplefilter("ignore")
    import jieba as jieba  # others take it from here

jieba.setLogLevel(logging.WARNING)

# A run is cut by what its script asks for: Han (with the figures and letters inside it) by jieba, scripts written
# without spaces into overlapping pairs, everything else is a word as it stands.
_RUN = regex.compile(
    r"(?P<han>[\p{Han}A-Za-z0-9+#%&._\-]*\p{Han}[\p{Han}A-Za-z0-9+#%&._\-]*)"
    r"|(?P<pairs>[\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{M}]+)"
    r"|(?P<word>[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:[.,'’][\p{L}\p{N}\p{M}]+)*%?)"
)
_EDGE = "+#&._-"

# Closed classes: words that ask or bind, and so say nothing about which passage answers.
_FUNCTION_WORDS = """
的 了 是 在 和 与 及 或 也 都 就 还 又 而 被 把 对 于 从 到 以 为 之 其 这 那 该 此 吗 呢 吧 啊 呀 么 着 过 地 得 有
没有 什么 怎么 怎样 如何 哪 哪些 哪个 哪家 哪位 哪里 哪儿 哪年 哪天 谁 几 几个 多少 多 多大 多长 多久 多高 多远 为什么
为何 何 何时 是否 请问 请 一下 分别 各 各是 上 中 里 内 下 由 等 个 并 且 但 让 给 向 将 会 要 能 可以 我 你 他 她 它
我们 你们 他们 the a an of in on at to for from by with and or is are was were be been do does did has have had how what
which who whom whose when where why many much that this these those it its as s than into over per about
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


class _Frequencies:
    """jieba's dictionary, mapped from disk: opening it takes no time, where filling jieba's own dict takes most of a
    second."""

    def __init__(self, trie: marisa_trie.RecordTrie, folder: Path) -> None:
        self.folder = folder
        self._trie = trie

    def __contains__(self, word: object) -> bool:
        return word in self._trie

    def __getitem__(self, word: str) -> int:
        return int(self._trie[word][0][0])

    def get(self, word: str, default: int | None = None) -> int | None:
        found = self._trie.get(word)
        return int(found[0][0]) if found else default


_RECORD = "<i"


def build_dictionary(folder: Path) -> Path:
    """Write jieba's dictionary as a trie file into `folder`, atomically, unless it is there. Returns its path."""
    path = dictionary_path(folder)
    if not path.exists():
        jieba.initialize()
        folder.mkdir(parents=True, exist_ok=True)
        trie = marisa_trie.RecordTrie(_RECORD, ((word, (count,)) for word, count in jieba.dt.FREQ.items()))
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        trie.save(str(temporary))
        temporary.replace(path)
    return path


def dictionary_path(folder: Path) -> Path:
    return folder / f"jieba-{jieba.__version__}.trie"


def use_dictionary(folder: Path) -> None:
    """Segment with the dictionary file in `folder` if it is there; same words, no start-up time, slower word by
    word."""
    path = dictionary_path(folder)
    if jieba.dt.initialized or not path.exists():
        return
    try:
        trie = marisa_trie.RecordTrie(_RECORD).mmap(str(path))
    except (OSError, RuntimeError):  # damaged: jieba has its own, only slower to start
        return
    jieba.dt.FREQ = _Frequencies(trie, folder)
    jieba.dt.total = _TOTAL
    jieba.dt.initialized = True


_TOTAL = 60101967
"""Sum of the word counts in jieba's dictionary; `tests/test_text.py` holds it to the installed one."""


def dictionary_folder() -> Path | None:
    """The folder whose dictionary file is in use, so that another process can use it too."""
    return jieba.dt.FREQ.folder if isinstance(jieba.dt.FREQ, _Frequencies) else None


def words(text: str) -> list[str]:
    """The words of `text` in matching form and in order, long Chinese words also by their parts (as for an index)."""
    return list(cut_words(fold(text)))


def cut_words(folded: str, cut: Callable[[str], Iterable[str]] = jieba.cut_for_search) -> Iterator[str]:
    for run in _RUN.finditer(folded):
        piece = run.group()
        if run.lastgroup == "han":
            for word in cut(piece):
                word = word.strip(_EDGE)
                if any(map(str.isalnum, word)):
                    yield word
        elif run.lastgroup == "pairs" and len(piece) > 1:
            yield from (piece[i : i + 2] for i in range(len(piece) - 1))
        else:
            yield piece


def search_words(question: str) -> list[str]:
    """`words` without those that only ask or bind; all of them where nothing else is left. For searching an index."""
    return _telling(words(question))


def content_words(question: str) -> list[str]:
    """The same, but no word twice and long words whole: each stands for one thing that the question says."""
    return list(dict.fromkeys(_telling(list(cut_words(fold(question), jieba.cut)))))


def _telling(found: list[str]) -> list[str]:
    return [word for word in found if word not in FUNCTION_WORDS] or found


def idf(passages: int, frequency: int) -> float:
    """Weight of a word that stands in `frequency` of `passages`: Robertson and Zaragoza, "The Probabilistic Relevance
    Framework: BM25 and Beyond" (2009), with the 1 that Lucene adds within the logarithm to keep it positive."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


SaidAs = Mapping[str, Sequence[str | re.Pattern[str]]]


def word_share(weighed: Mapping[str, float], folded: str, said_as: SaidAs = MappingProxyType({})) -> float:
    """Sum of the weights of those words that stand in a text in matching form, as they are or as one of `said_as`."""
    return sum(weight for word, weight in weighed.items() if says(folded, word, said_as))


def says(folded: str, word: str, said_as: SaidAs) -> bool:
    """Whether a text in matching form says `word`: itself, or one of the words that may say it."""
    return contains_word(folded, word) or any(
        contains_word(folded, other) if isinstance(other, str) else other.search(folded) is not None
        for other in said_as.get(word, ())
    )


def contains_word(folded: str, word: str) -> bool:
    """Whether `word` stands in `folded` (both in matching form): anywhere for Chinese, as a whole word or number
    else."""
    at = folded.find(word)
    if at < 0 or has_han(word):
        return at >= 0
    while at >= 0:
        before, after = folded[at - 1 : at], folded[at + len(word) : at + len(word) + 1]
        if not _joins(before, word[0]) and not _joins(word[-1], after):
            return True
        at = folded.find(word, at + 1)
    return False


def _joins(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word or number; Chinese joins nothing."""
    return left.isalnum() and right.isalnum() and not has_han(left) and not has_han(right)


_NAME = regex.compile(r"[\p{Han}]{2,}(?:省|市|区|县|镇|州|港|国)$|\d")


def is_name(word: str) -> bool:
    """Whether a content word names a place or a number rather than saying something of it: it has no synonyms."""
    return _NAME.search(word) is not None


def word_spans(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """[start, end) in `text` of every occurrence of `words` (in matching form), in order."""
    folded, origin = fold_aligned(text)
    spans = []
    for word in words:
        at = folded.find(word)
        while at >= 0:
            spans.append((origin[at], origin[at + len(word) - 1] + 1))
            at = folded.find(word, at + 1)
    return sorted(spans)


def word_spans_boundary(left: str, right: str) -> bool:
    """Whether a dictionary word runs from the end of `left` into the start of `right` ("人工智" + "能企业")."""
    tail = regex.search(r"\p{Han}{1,6}$", left)
    head = regex.match(r"\p{Han}{1,6}", right)
    if tail is None or head is None:
        return False
    border, offset = len(tail.group()), 0
    for word in jieba.cut(simplify(tail.group() + head.group()), HMM=False):
        if offset < border < offset + len(word):
            return True
        offset += len(word)
    return False
