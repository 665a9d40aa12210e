"""A question: finding passages, and the whole answer, with what each stage costs."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import rag.assistant
from rag.answering.retrieve import POOL
from rag.assistant import LocalAssistant, fingerprint_of
from rag.models import load_reader
from rag.settings import Settings
from rag.store import LocalStore, open_store
from rag.text import search_words
from rag.types import Embedder
from scripts.measure.scale import Clock
from scripts.measure.speed.ingesting import fill
from scripts.measure.speed.material import Material
from scripts.measure.speed.reference import NAME, Bm25s, Flat, Torch
from scripts.measure.speed.turns import Row, Section, Turns, Watched, quantile, ratio, stages, watching

OTHER = f"{NAME}, FAISS, bm25s: passages alone"
_FOUND = 8


@dataclass(frozen=True, slots=True)
class Desk:
    """A store of the material with an assistant over it, and the reference over the same passages and vectors."""

    material: Material
    embedder: Embedder
    store: LocalStore
    assistant: LocalAssistant
    again: LocalAssistant  # the same, which keeps its answers
    torch: Torch
    flat: Flat
    words: Bm25s

    def reference(self, question: str) -> tuple[list[int], list[int]]:
        return self.flat.search(self.torch.questions([question])[0], _FOUND), self.words.search(question, _FOUND)


@contextmanager
def desk(material: Material, embedder: Embedder, torch: Torch, settings: Settings) -> Iterator[Desk]:
    """Made in a temporary folder, every question asked once."""
    with TemporaryDirectory() as folder:
        fill(material.write(Path(folder) / "documents"), Path(folder) / "store", embedder)
        texts = material.passages(embedder)
        with open_store(Path(folder) / "store", fingerprint_of(embedder)) as store:
            reader = load_reader(settings)
            kept = len(material.questions)
            assistant = LocalAssistant(store, embedder, settings, reader=reader)
            again = LocalAssistant(store, embedder, settings, reader=reader, answers_cached=kept)
            flat, words = Flat(embedder.embed_passages(texts)), Bm25s(texts)
            made = Desk(material, embedder, store, assistant, again, torch, flat, words)
            for question in material.questions:
                again.ask(question)
                made.reference(question)
            yield made


def retrieve(turns: Turns, at: Desk) -> Section:
    """Both searches alone, given the vector or the words; then from the question to ranked passages."""
    vectors = {question: at.embedder.embed_questions([question])[0] for question in at.material.questions}
    asks: dict[str, Callable[[str], object]] = {
        "by meaning": lambda question: at.store.search_dense(vectors[question], POOL),
        "by meaning: FAISS flat": lambda question: at.flat.search(vectors[question], POOL),
        "by words": lambda question: at.store.search_words(search_words(question), POOL),
        "by words: bm25s": lambda question: at.words.search(question, POOL),
        "both, embedded and ranked": lambda question: at.assistant.search(question, _FOUND),
        OTHER: at.reference,
    }
    spent = turns.of_each(asks, at.material.questions)
    return Section(
        "retrieve",
        f"Finding passages, {len(at.material.questions)} questions over {at.flat.index.ntotal} passages",
        tuple(_row(name, spent[name]) for name in asks),
        {ours: ratio(spent[ours], spent[other]) for ours, other in zip(list(asks)[::2], list(asks)[1::2], strict=True)},
    )


def answer(turns: Turns, at: Desk) -> Section:
    """The whole answer, in both modes and given again; against finding passages, which is where the reference ends."""
    clock, watched = Clock(turns.now), _watched(at.embedder)

    def accurate(question: str) -> object:
        with watching(clock, watched):
            return at.assistant.ask(question)

    asks: dict[str, Callable[[str], object]] = {
        "rag ask": accurate,
        "rag ask, fast": lambda question: at.assistant.ask(question, mode="fast"),
        "asked again": at.again.ask,
        OTHER: at.reference,
    }
    spent = turns.of_each(asks, at.material.questions)
    return Section(
        "answer",
        f"A question, {len(at.material.questions)} of them over {at.flat.index.ntotal} passages",
        tuple(_row(name, spent[name]) for name in asks),
        {name: ratio(spent[name], spent[OTHER]) for name in asks if name != OTHER},
        stages(clock, watched, sum(spent["rag ask"]) / 1000, len(spent["rag ask"])),
        "question",
    )


def _row(name: str, spent: list[float]) -> Row:
    return Row(name, {"p50 ms": statistics.median(spent), "p95 ms": quantile(spent, 0.95)})


def _watched(embedder: Embedder) -> list[Watched]:
    fetched = ("passages", "passage_vectors", "sentences", "document", "alike", "word_frequencies")
    return [
        (embedder, "embed_questions", "embed"),
        (LocalStore, "search_dense", "dense"),
        (LocalStore, "search_words", "words"),
        *((LocalStore, name, "fetch") for name in fetched),
        (rag.assistant, "read_passages", "read"),
        (rag.assistant, "rank_sentences", "judge"),
        (rag.assistant, "judge", "judge"),
    ]
