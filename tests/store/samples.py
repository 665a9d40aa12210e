"""Small stored documents made from a seed: random text, spans, words and unit vectors. The same seed gives the same."""

import zlib
from hashlib import sha256

import numpy as np

from rag.types import Document, Fingerprint, IndexedDocument, Passage, Section, Sentence, Vectors

DIM = 16
FINGERPRINT = Fingerprint(embedder="random-16", dim=DIM, splitter="1")

_CHARACTERS = "春眠不觉晓处闻啼鸟夜来风雨声花落知多少 abc😀"
_VOCABULARY = [f"词{i}" for i in range(40)] + ["growth", "2024", "a", "　", "\u00a0x"]


def unit_vectors(count: int, seed: int, dim: int = DIM) -> Vectors:
    """float32 [count, dim]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def some_words(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Few words are frequent and many rare, as in a language."""
    ranks = np.minimum(rng.zipf(1.3, count), len(_VOCABULARY)) - 1
    return tuple(_VOCABULARY[rank] for rank in ranks)


def make_document(path: str, *, place: int = 0, seed: int = 0, passages: int = 3) -> IndexedDocument:
    """A document of `path` with passages of one to three sentences; `seed` stands for the content of the file."""
    rng = np.random.default_rng([seed, place, zlib.crc32(path.encode())])
    name = f"{path}#{place}"
    text, spans, sentences = "标题\n", [], []
    for _ in range(passages):
        start = len(text)
        for _ in range(rng.integers(1, 4)):
            begin = len(text)
            text += "".join(rng.choice(list(_CHARACTERS), rng.integers(3, 12))) + "。"
            sentences.append(Sentence(name, begin, len(text)))
        spans.append((start, len(text)))
        text += "\n"
    return IndexedDocument(
        document=Document(
            id=name,
            path=path,
            title=f"{path} 第{place}篇",
            date="2024-01" if seed % 2 else None,
            text=text,
            sections=(Section(0, len(text), 1, "标题"),),
            places=((0, 1), (3, 2)),
            sha256=sha256(f"{path} {seed}".encode()).hexdigest(),
            unit=("L", "p", "销售 (1)!R")[seed % 3],
            metadata=(dict(zip(("来源", "kind"), rng.choice(["新华社", "b"], 2), strict=True)) if place % 2 else {}),
        ),
        passages=tuple(Passage(f"{name}:{i}", name, i, *span, "上下文") for i, span in enumerate(spans)),
        sentences=tuple(sentences),
        vectors=unit_vectors(passages, int(rng.integers(2**31))),
        sentence_vectors=unit_vectors(len(sentences), int(rng.integers(2**31))),
        words=tuple(some_words(rng, int(rng.integers(0, 40))) for _ in range(passages)),
    )


def make_file(path: str, *, seed: int = 0, documents: int = 1) -> list[IndexedDocument]:
    return [make_document(path, place=place, seed=seed) for place in range(documents)]


def with_sentences(path: str, *texts: str) -> IndexedDocument:
    """A document of one passage that holds `texts`, a sentence each."""
    name, text = f"{path}#0", ""
    sentences = []
    for one in texts:
        sentences.append(Sentence(name, len(text), len(text) + len(one)))
        text += one
    return IndexedDocument(
        document=Document(name, path, path, None, text, (), ((0, 1),), sha256(text.encode()).hexdigest()),
        passages=(Passage(f"{name}:0", name, 0, 0, len(text), "上下文"),),
        sentences=tuple(sentences),
        vectors=unit_vectors(1, 1),
        sentence_vectors=unit_vectors(len(texts), 2),
        words=(("词0",),),
    )
