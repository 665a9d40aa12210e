"""Writes the vocabulary of the weight file as a Hugging Face `tokenizer.json`.

The steps are XLM-R's: normalise character by character, squeeze spaces, mark word starts with ▁, cut each word into the
most probable pieces (Unigram, Kudo 2018), put <s> and </s> around. The result must be, token by token, what the engine
that the weights come with makes of a text. `tokenizers` differs from it in three ways: two regular expressions mend
those, each explained where it is made. SentenceTransformer reads this file; answering uses rag.models.unigram.
"""

import re
import struct
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import count

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from rag.models.weights import Vocabulary

_DROPPED = "\x01"  # the normaliser drops it


def build_tokenizer(vocabulary: Vocabulary, normaliser: Mapping[str, str]) -> Tokenizer:
    """The tokenizer, with <s> and </s>; neither cutting nor padding is switched on."""
    tokenizer = Tokenizer(
        models.Unigram(
            list(zip(vocabulary.pieces, vocabulary.scores, strict=True)), unk_id=vocabulary.unk, byte_fallback=False
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_swallowed(normaliser)), _DROPPED),
            normalizers.Precompiled(precompiled_charsmap(normaliser)),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(_apart(vocabulary)), "isolated"),
        ]
    )
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)]
    )
    tokenizer.add_special_tokens(
        [AddedToken(piece, special=True, normalized=False) for piece in special_pieces(vocabulary).values()]
    )
    return tokenizer


def special_pieces(vocabulary: Vocabulary) -> dict[str, str]:
    """`bos_token`... -> the piece, as in tokenizer_config.json."""
    ids = {"bos": vocabulary.bos, "eos": vocabulary.eos, "pad": vocabulary.pad, "unk": vocabulary.unk}
    return {f"{name}_token": vocabulary.pieces[place] for name, place in ids.items()}


def _swallowed(normaliser: Mapping[str, str]) -> str:
    """Where the normaliser of `tokenizers` would drop a character: matched, with width 0, to put a break there.

    It looks up whole grapheme clusters of up to 5 bytes and takes the first entry that begins one: in "ª" followed by a
    combining accent it replaces both characters by "a". A control character between them parts the cluster.
    """
    ways = []
    for size, last in ((1, "\U0010ffff"), (2, "\uffff"), (3, "\u07ff")):  # `last` fills the 5 bytes up
        keys = [key for key in normaliser if len(key.encode()) == size and unicodedata.category(key) != "Cc"]
        if keys:
            ways.append(f"(?<={_class(keys)})(?=[\u0080-{last}])")
    return "|".join(ways) or "(?!)"


def _apart(vocabulary: Vocabulary) -> str:
    """Where a word must be cut before Unigram sees it.

    Every unknown character is a token of its own, but Unigram makes one of a row of them. In this vocabulary each
    character of each piece is also a piece, so a character that is none stands in no piece: cutting there changes
    nothing else. And "<unk>" written in a text is four tokens, not the unknown token: no other piece holds "<u".
    """
    known = {piece for piece in vocabulary.pieces if len(piece) == 1}
    return f"[^{_class(known)[1:-1]}]|(?<=<)(?=unk>)"


def _class(characters: Iterable[str]) -> str:
    """A character class of a regular expression; neighbours become ranges."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join("-".join(re.escape(chr(code)) for code in dict.fromkeys(pair)) for pair in ranges) + "]"


def precompiled_charsmap(normaliser: Mapping[str, str]) -> bytes:
    """SentencePiece's normalisation rules: size of the trie, the trie, the replacements, each ended by NUL.

    The trie is a double array (Aoe 1989) in the layout of darts-clone: a unit holds its label in bits 0-7, "a value
    hangs here" in bit 8 and, from bit 10, the XOR between its own place and that of its children.
    """
    replacements, values = bytearray(), {}
    for character, replacement in sorted(normaliser.items()):
        values[character.encode()] = len(replacements)
        replacements += replacement.encode() + b"\0"
    trie = _double_array(values)
    return struct.pack(f"<I{len(trie)}I", 4 * len(trie), *trie) + bytes(replacements)


def _double_array(values: Mapping[bytes, int]) -> list[int]:
    units: dict[int, int] = {0: 0}
    bases: set[int] = set()  # two nodes with one base would see each other's children
    lowest = 1  # every base below is taken

    def place(node: int, keys: list[bytes], depth: int) -> None:
        """Put the children of `node`, which spells the first `depth` bytes of `keys`, into free places."""
        nonlocal lowest
        below: dict[int, list[bytes]] = {}
        for key in keys:
            below.setdefault(key[depth] if len(key) > depth else 0, []).append(key)
        while lowest in bases:
            lowest += 1
        base = next(b for b in count(lowest) if b not in bases and not any(b ^ label in units for label in below))
        bases.add(base)
        units[node] |= (node ^ base) << 10 | (0x100 if 0 in below else 0)
        for label in below:
            units[base ^ label] = label or values[below[label][0]] | 1 << 31
        for label, longer in below.items():
            if label:
                place(base ^ label, longer, depth + 1)

    place(0, list(values), 0)
    size = (max(max(units), max(bases)) | 0xFF) + 1  # readers look at base ^ byte without asking whether it is there
    return [units.get(place, 0) for place in range(size)]
