"""The tokenizer that answering runs: XLM-R's Unigram (Kudo 2018), read from memory-mapped files.

`tokenizers` needs 0.7 s to load these 250,000 pieces, half of the time a question may take from the command line. Here
the pieces lie in a MARISA trie that is mapped, not read: 10 ms. Cutting a passage takes 0.5 ms instead of 0.3 ms, where
embedding it takes twenty. The tests hold both, and the engine the weights come with, to the same tokens.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import marisa_trie
import numpy as np

from rag.models.layout import PIECES_FILE, SCORES_FILE, UNIGRAM_FILE
from rag.models.weights import Vocabulary

_UNKNOWN_PENALTY = 10.0  # an unknown character scores this much below the rarest piece, as in SentencePiece
_SPACES = re.compile(" +")
_WORD = re.compile("▁[^▁]*")


def write_unigram(vocabulary: Vocabulary, normaliser: dict[str, str], folder: Path) -> None:
    """Write the three files that `Unigram` reads."""
    # "<unk>" written in a text is no piece; "<s>" and "<mask>" are, as in the engine.
    ids = {piece: place for place, piece in enumerate(vocabulary.pieces) if place != vocabulary.unk}
    trie = marisa_trie.Trie(ids)
    table = np.zeros(len(ids), dtype=[("id", np.int32), ("score", np.float32)])
    for piece, place in ids.items():
        table[trie[piece]] = place, vocabulary.scores[place]
    trie.save(str(folder / PIECES_FILE))
    np.save(folder / SCORES_FILE, table)
    facts = {
        "bos": vocabulary.bos,
        "eos": vocabulary.eos,
        "unk": vocabulary.unk,
        "unk_score": min(vocabulary.scores) - _UNKNOWN_PENALTY,
        "longest": max(map(len, vocabulary.pieces)),
        "normaliser": normaliser,
    }
    (folder / UNIGRAM_FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


class Unigram:
    """Text to token ids, <s> and </s> included; never cut."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, ValueError, KeyError or RuntimeError where one of the three files is missing or damaged."""
        facts = json.loads((folder / UNIGRAM_FILE).read_text(encoding="utf-8"))
        self.bos, self.eos, self._unk = facts["bos"], facts["eos"], facts["unk"]
        self._unk_score, self._longest = facts["unk_score"], facts["longest"]
        # Half of a surrogate pair is no character; it becomes what U+FFFD becomes.
        lone = dict.fromkeys(range(0xD800, 0xE000), " ")
        self._normaliser: dict[int, str] = lone | {ord(key): value for key, value in facts["normaliser"].items()}
        self._trie = marisa_trie.Trie()
        self._trie.mmap(str(folder / PIECES_FILE))
        table = np.load(folder / SCORES_FILE, mmap_mode="r")
        self._ids, self._scores = memoryview(table["id"]), memoryview(table["score"])  # faster than arrays, one by one

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`."""
        return [self.bos, *(piece for piece, _ in self._pieces(text.translate(self._normaliser))), self.eos]

    def encode_spans(self, text: str) -> list[tuple[int, int, int]]:
        """(token id, start, end) of each token of `text`, without <s> and </s>: the characters it was made of.

        A space that only marks where a word begins belongs to the token; one that starts a text without any has none.
        """
        forms = [self._normaliser.get(ord(character), character) for character in text]
        origin = [place for place, form in enumerate(forms) for _ in form]
        normal = "".join(forms)
        # Where each character of the marked text comes from: a run of spaces is one mark, which stands for the last.
        places: list[tuple[int, int]] = []
        if not normal.startswith(" "):
            places.append((0, 0))
        for at, character in enumerate(normal):
            if character == " " and normal[at + 1 : at + 2] == " ":
                continue
            places.append((origin[at], origin[at] + 1))
        spans, at = [], 0
        for piece, length in self._pieces(normal):
            spans.append((piece, places[at][0], places[at + length - 1][1]))
            at += length
        return spans

    def _pieces(self, normal: str) -> Iterator[tuple[int, int]]:
        """(id, length) of the pieces of a normalised text; lengths count in the text with its word marks."""
        marked = _SPACES.sub("▁", normal)
        if not marked.startswith("▁"):
            marked = "▁" + marked
        for word in _WORD.findall(marked):
            yield from self._cut(word)

    def _cut(self, word: str) -> list[tuple[int, int]]:
        """The most probable pieces of a word (Viterbi): best[i] is the score of the best way to cut word[:i].

        Of two ways that are equally probable, the one whose last piece is longer.
        """
        scores, ids, find = self._scores, self._ids, self._trie.iter_prefixes_with_ids
        best = [0.0] + [float("-inf")] * len(word)
        back = [(0, self._unk)] * (len(word) + 1)  # where the last piece begins, and its id
        for start in range(len(word)):
            here = best[start]
            for piece, place in find(word[start : start + self._longest]):
                end = start + len(piece)
                score = here + scores[place]
                if score > best[end]:
                    best[end] = score
                    back[end] = start, ids[place]
            if best[start + 1] < here + self._unk_score:
                best[start + 1] = here + self._unk_score
                back[start + 1] = start, self._unk
        pieces = []
        end = len(word)
        while end:
            start, piece_id = back[end]
            pieces.append((piece_id, end - start))
            end = start
        return pieces[::-1]
