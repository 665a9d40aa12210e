#!/usr/bin/env python3
"""Near duplicates planted in the news: how many are found, what is taken for one wrongly, what it costs.

    python -m scripts.measure.duplicates [--data ../shared/data] [--articles 23152] [--copies 300]

All articles go into a store without an embedder (signatures need none), and copies of some with 0, 2, 5, 10 and 20 % of
their characters changed to others of the news, as a bad scan would; each share has originals of its own. Articles are
looked for as `rag docs duplicates` does, sentences as an answer's "also in" does. Seconds are of the processor.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from rag.answering.also import also_in
from rag.answering.cite import citation
from rag.cache import TextCache
from rag.duplicates import near_duplicates
from rag.store import LocalStore, open_store, signatures
from rag.text import fold, sentence_spans
from rag.types import Document, Fingerprint, IndexedDocument, Passage, Sentence
from scripts.corpora import news

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)
_FILE = 100  # articles stored in one transaction
_PASSAGE = 300  # characters
_TURNED = {"增长": "下降", "上升": "下降", "提高": "降低", "增加": "减少", "超过": "不足", "同意": "反对"}


@dataclass(frozen=True)
class Planted:
    original: str  # document ids
    copy: str


def main() -> None:
    options = argparse.ArgumentParser(description="Near duplicates planted in the news, found and not.")
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--articles", type=int, default=100_000, help="at most so many")
    options.add_argument("--copies", type=int, default=300, help="for each share of changed characters")
    given = options.parse_args()
    texts = [text for _, text in news(given.data)][: given.articles]
    draw = random.Random(1)
    characters = "".join(draw.sample(texts, min(500, len(texts))))
    originals = draw.sample([n for n, text in enumerate(texts) if len(text) >= 200], given.copies * (len(SHARES) + 2))
    parts = [originals[n * given.copies : (n + 1) * given.copies] for n in range(len(SHARES) + 2)]
    with tempfile.TemporaryDirectory() as name, open_store(Path(name) / "s", _FINGERPRINT, write=True) as store:
        _cost(texts[:2000], Path(name) / "cost")
        began = time.process_time()
        _put(store, "news", texts)
        print(f"{len(texts)} articles stored: {time.process_time() - began:.0f} s")
        _sizes(store)
        natural = _groups(store)
        planted: list[list[Planted]] = []
        for share, part in zip(SHARES, parts, strict=False):
            copies = [_changed(texts[n], share, characters, draw) for n in part]
            planted.append(_plant(store, f"{share:.0%}", part, copies))
        figures = _plant(store, "figures", parts[-2], [_other_figures(texts[n]) for n in parts[-2]])
        words = _plant(store, "words", parts[-1], [_turned(texts[n]) for n in parts[-1]])
        groups = _groups(store)
        print("\n| changed | articles found | wrongly | sentences found | wrongly |\n|--:|--:|--:|--:|--:|")
        for share, pairs in zip(SHARES, planted, strict=True):
            print(f"| {share:.0%} | {_articles(pairs, groups, natural)} | {_sentences(pairs, store)} |", flush=True)
        for what, pairs in (("every figure, by one digit", figures), ("growth into decline and the like", words)):
            print(f"| {what} | {_articles(pairs, groups, natural)} | {_sentences(pairs, store, every=False)} |")
    print("\n| changed | sentence | its passage | its passage, cut elsewhere |\n|--:|--:|--:|--:|")
    for share, part in zip(SHARES, parts, strict=False):
        print(f"| {share:.0%} | {_units([texts[n] for n in part], share, characters, draw)} |")


_FINGERPRINT = Fingerprint("none", 1, "1")


def _indexed(path: str, place: int, text: str) -> IndexedDocument:
    """An article without vectors that mean anything: signatures are made of its text."""
    name = f"{path}#{place}"
    spans = sentence_spans(text)
    return IndexedDocument(
        document=Document(name, path, text[:30], None, text, (), ((0, 1),), sha256(path.encode()).hexdigest()),
        passages=(Passage(f"{name}:0", name, 0, 0, len(text), ""),),
        sentences=tuple(Sentence(name, start, end) for start, end in spans),
        vectors=np.ones((1, 1), np.float32),
        sentence_vectors=np.ones((len(spans), 1), np.float32),
        words=((),),
    )


def _put(store: LocalStore, folder: str, texts: Sequence[str]) -> None:
    for first in range(0, len(texts), _FILE):
        path = f"{folder}/{first // _FILE:04}"
        part = texts[first : first + _FILE]
        store.add(path, [_indexed(path, place, text) for place, text in enumerate(part)])


def _id(folder: str, number: int) -> str:
    return f"{folder}/{number // _FILE:04}#{number % _FILE}"


def _plant(store: LocalStore, folder: str, numbers: Sequence[int], copies: Sequence[str]) -> list[Planted]:
    _put(store, folder, copies)
    return [Planted(_id("news", n), _id(folder, place)) for place, n in enumerate(numbers)]


def _cost(texts: Sequence[str], folder: Path) -> None:
    """Processor time of 1,000 articles without signatures and with them, and of the signatures before they are
    stored."""
    spent = []
    whole = signatures.sign
    for name, sign in (("without", lambda *_: None), ("with", whole)):
        signatures.sign = sign
        with open_store(folder / name, _FINGERPRINT, write=True) as store:
            began = time.process_time()
            _put(store, "news", texts)
            spent.append(time.process_time() - began)
    signatures.sign = whole
    began = time.process_time()
    count = sum(len(signatures.bands([text[a:b] for a, b in sentence_spans(text)])) for text in texts)
    made = time.process_time() - began
    each = 1000 / len(texts)
    print(
        f"1,000 articles ({count * each:,.0f} sentences): stored in {spent[0] * each:.2f} s without signatures, "
        f"{spent[1] * each:.2f} s with; sentence ends and signatures alone {made * each:.2f} s"
    )


def _sizes(store: LocalStore) -> None:
    pages = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'signatures%'"
    size = store._db.execute(pages).fetchone()[0]
    count = store._db.execute("SELECT count(*) FROM signatures").fetchone()[0]
    print(f"signatures: {size / 1e6:.0f} MB on disk, {size / count:.0f} bytes a sentence, {count} sentences")


def _groups(store: LocalStore) -> dict[str, set[str]]:
    """Document id -> the ids of its group."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    groups = [{one.document.id for one in group} for group in near_duplicates(store)]
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"grouped: {sum(map(len, groups))} documents in {len(groups)} groups, "
        f"{time.process_time() - began:.0f} s, {more:.0f} MB more"
    )
    return {id_: group for group in groups for id_ in group}


def _changed(text: str, share: float, characters: str, draw: random.Random) -> str:
    return "".join(draw.choice(characters) if draw.random() < share else one for one in text)


def _other_figures(text: str) -> str:
    return "".join(str((int(one) + 1) % 10) if one in "0123456789" else one for one in text)


def _turned(text: str) -> str:
    for word, other in _TURNED.items():
        text = text.replace(word, other)
    return text


def _articles(pairs: Sequence[Planted], groups: dict[str, set[str]], natural: dict[str, set[str]]) -> str:
    """Share of the copies that are grouped with their original, and of those that are with an article that is neither
    it nor a reprint of it."""
    found = [one for one in pairs if one.original in groups.get(one.copy, ())]
    wrong = [
        one
        for one in pairs
        if {id_ for id_ in groups.get(one.copy, ()) if id_.startswith("news/")}
        - natural.get(one.original, {one.original})
    ]
    return f"{len(found) / len(pairs):.3f} | {len(wrong) / len(pairs):.3f}"


def _sentences(pairs: Sequence[Planted], store: LocalStore, *, every: bool = True) -> str:
    """Share of the originals' sentences that are found in the copy: of those whose figures are what they were, and of
    those that say something else. `every`: a sentence with its figures is the same statement; else only an unchanged
    one is."""
    texts = TextCache(store)
    counts = {True: [0, 0], False: [0, 0]}
    spent = 0.0
    for pair in pairs:
        original, copy = texts.document(pair.original), texts.document(pair.copy)
        for start, end in sentence_spans(original.text):
            one, two = original.text[start:end], copy.text[start:end]
            same = _digits(one) == _digits(two) if every else one == two
            cited = citation(1, original, start, end)
            began = time.process_time()
            there = also_in(cited, store, texts, None)
            spent += time.process_time() - began
            quotes = [at.quote for at in there if at.document_id == copy.id and at.start < end and start < at.end]
            counts[same][0] += bool(quotes)
            counts[same][1] += 1
            if quotes and not same:
                print(f"  wrongly: {one}\n       for {quotes[0]}", file=sys.stderr)
    right, wrong = counts[True], counts[False]
    print(f"  {1000 * spent / (right[1] + wrong[1]):.2f} ms a sentence", file=sys.stderr)
    shown = [f"{found / total:.3f} of {total}" if total else "–" for found, total in (right, wrong)]
    return " | ".join(shown)


def _digits(text: str) -> str:
    return "".join(one for one in fold(text) if one.isdigit())


def _units(texts: Sequence[str], share: float, characters: str, draw: random.Random) -> str:
    """Share of sentences whose copy is proposed: by its own signature; by that of its passage; by that of its passage
    where the copy begins with a headline, which moves where passages are cut."""
    found, total = [0, 0, 0], 0
    for text in texts:
        copy = _changed(text, share, characters, draw)
        spans = sentence_spans(text)
        headline = "".join(draw.choices(characters, k=60)) + "\n"
        total += len(spans)
        found[0] += sum(_meet(*signatures.bands([text[a:b], copy[a:b]])) for a, b in spans if copy[a:b])
        own = list(_cut(spans))
        for place, shift in ((1, 0), (2, len(headline))):
            cut = own if not shift else list(_cut([(0, shift), *((a + shift, b + shift) for a, b in spans)]))
            whole = headline + copy if shift else copy
            here = dict(zip(own, signatures.bands([text[a:b] for a, b in own]), strict=True))
            there = dict(zip(cut, signatures.bands([whole[a:b] for a, b in cut]), strict=True))
            for a, b in spans:
                mine = next(bands for (c, d), bands in here.items() if c <= a and b <= d)
                theirs = next(bands for (c, d), bands in there.items() if c <= a + shift and b + shift <= d)
                found[place] += _meet(mine, theirs)
    return " | ".join(f"{one / total:.3f}" for one in found)


def _cut(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Whole sentences, up to a passage's length."""
    start, end = spans[0]
    for a, b in spans[1:]:
        if b - start > _PASSAGE:
            yield start, end
            start = a
        end = b
    yield start, end


def _meet(one: Sequence[int], other: Sequence[int]) -> bool:
    return any(x == y for x, y in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
