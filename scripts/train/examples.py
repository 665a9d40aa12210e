"""What the reader is trained on: rows of tokens with the words and the sentence that answer, or nothing.

Five kinds. **Reading**: questions of DRCD and XQuAD with the passage that answers, XQuAD's also across languages.
**Reports**: questions written by hand over reports and news, near misses with the sentence that tempts among them.
**Hard negatives**: the same questions with what the project's own retriever finds beside it. **Swapped**: a year, a
name or the thing asked for exchanged for another, so that the same passage no longer answers. **News**: a figure or
date of a news sentence asked for by rule.

The reader learns in two stages: `reading` from all but the reports, `reports` from those and a share of the first, so
that nothing is forgotten.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rag.answering.retrieve import retrieve
from rag.answering.understand import prepare
from rag.cache import TextCache
from rag.documents import split_document, text_document
from rag.models.reading import lay_out, sentence_tokens
from rag.models.unigram import Unigram
from rag.types import Document, Embedder
from rag.weights import load_weights
from scripts.corpora import LANGUAGES, Paragraph, as_document, built, drcd, news, reports, xquad
from scripts.train.lessons import Crossed, Lesson, Piece, around, piece_of, place_of
from scripts.train.made import cloze, exchange, word_pools

_NEGATIVES = 4  # passages kept for a question
_BESIDE, _MISSED = 0.6, 0.35  # odds of a hard negative beside a question that its article answers, and a near miss
_KEPT_DRCD, _KEPT_XQUAD = 900, 1800  # questions of the first stage in an epoch of the second

Stage = Literal["reading", "reports"]


@dataclass(frozen=True, slots=True)
class Example:
    """`answer` and `gold` are tokens [first, last] and the place in `sentences`; (0, 0) and -1: not answered here."""

    ids: np.ndarray
    sentences: tuple[tuple[int, int], ...]  # tokens [first, last)
    answer: tuple[int, int]
    gold: int


class Examples:
    """All examples of an epoch, drawn anew from (seed, stage, epoch)."""

    def __init__(
        self, data: Path, embedder: Embedder, tokenizer: Unigram, stores: Path, seed: int, stage: Stage, share: float
    ) -> None:
        """`share` of the training articles of the reports are learnt from."""
        self._embedder, self._tokenizer, self._stores = embedder, tokenizer, stores
        self._seed, self._stage = seed, stage
        self._drcd = [one for titled in (True, False) for one in self._reading(drcd(data), "drcd-all", titled)]
        self._xquad = self._crossed(data)
        if stage == "reports":
            self._reports = list(self._from_reports(reports(data, translated=True), share))
            return
        self._news = list(self._from_news(data, 6000))
        chinese = [one.question for one in (*self._drcd, *self._news)]
        self._words = word_pools([one.question for group in self._xquad for one in group.questions.values()] + chinese)

    def epoch(self, number: int, limit: int | None = None) -> list[Example]:
        draw = random.Random(f"{self._seed}-{self._stage}-{number}")
        asked = self._mixed(draw) if self._stage == "reports" else self._read(draw)
        draw.shuffle(asked)
        examples = []
        for one, negative, swapped in asked[:limit]:
            examples.append(self._example(one.question, one.piece, one.answer))
            if one.others and draw.random() < negative:
                examples.append(self._example(one.question, draw.choice(one.others), None))
            if draw.random() < swapped and (other := exchange(one, self._words, draw)):
                examples.append(self._example(other, one.piece, None))
        draw.shuffle(examples)
        return [example for example in examples if example is not None]

    def _read(self, draw: random.Random) -> list[tuple[Lesson, float, float]]:
        """The first stage: questions, each with the odds of a hard negative and of a swap beside it."""
        half = len(self._drcd) // 2
        asked = [(self._drcd[i + half * (draw.random() < 0.3)], 0.35, 0.08) for i in range(half)]
        asked += [(group.draw(draw, language), 0.35, 0.08) for group in self._xquad for language in LANGUAGES]
        asked += [(one, 0.3, 0.3) for one in draw.sample(self._news, len(self._news) // 3)]
        return asked

    def _mixed(self, draw: random.Random) -> list[tuple[Lesson, float, float]]:
        """The second stage: the reports, and enough of the first stage's questions to keep what they taught."""
        asked = [(one, _MISSED if one.answer is None else _BESIDE, 0.0) for one in self._reports]
        asked += [(one, 0.35, 0.0) for one in draw.sample(self._drcd, _KEPT_DRCD)]
        crossed = [(group, language) for group in self._xquad for language in LANGUAGES]
        asked += [(group.draw(draw, language), 0.35, 0.0) for group, language in draw.sample(crossed, _KEPT_XQUAD)]
        return asked

    def _example(self, question: str, piece: Piece, answer: tuple[int, int] | None) -> Example | None:
        row = lay_out(self._tokenizer, question, piece.context, piece.text)
        sentences = tuple(sentence_tokens(row, piece.sentences))
        ids = np.array(row.ids, dtype=np.int64)
        if answer is None:
            return Example(ids, sentences, (0, 0), -1)
        inside = [i for i, (a, b) in enumerate(row.spans) if a < answer[1] and b > answer[0]]
        gold = next((i for i, (a, b) in enumerate(piece.sentences) if a <= answer[0] < b), -1)
        if not inside or gold < 0:
            return None
        first, last = row.first + inside[0], row.first + inside[-1]
        return Example(ids, sentences, (first, min(last, sentences[gold][1] - 1)), gold)

    # --- reading sets ------------------------------------------------------------------------------------------

    def _pieces(self, document: Document) -> list[Piece]:
        passages, sentences = split_document(document, self._embedder.count_tokens, self._embedder.max_tokens)
        return [piece_of(document, passage, [(s.start, s.end) for s in sentences]) for passage in passages]

    def _reading(self, paragraphs: Sequence[Paragraph], name: str, titled: bool) -> Iterator[Lesson]:
        """The questions of the training part, each with its passage and what the retriever finds beside it."""
        near = self._retriever([as_document(one) for one in paragraphs], name)
        cut = {one.name: self._pieces(as_document(one, titled)) for one in paragraphs if one.part == "train"}
        for paragraph in paragraphs:
            for question in paragraph.questions if paragraph.part == "train" else ():
                document = as_document(paragraph, titled)
                place = place_of(document, paragraph, question.answer, question.start)
                if place is None:
                    continue
                found = around(cut[paragraph.name], place)
                if found is None:
                    continue
                others = [one for one in cut[paragraph.name] if question.answer not in one.text]
                for path, start in near(question.id, question.text):
                    if path != paragraph.name and path in cut:
                        one = min(cut[path], key=lambda piece: abs(piece.start - start))
                        others += [one] if question.answer not in one.text else []
                yield Lesson(question.text, *found, tuple(others[:_NEGATIVES]))

    def _retriever(self, documents: Sequence[Document], name: str) -> Callable[[str, str], list[tuple[str, int]]]:
        """question -> (path, start) of the passages found first; kept beside the store, being slow to find."""
        store = built(documents, self._embedder, self._stores / name)
        texts, weights, known = TextCache(store), load_weights(), self._stores / f"{name}.near.npy"
        near: dict[str, list[tuple[str, int]]] = np.load(known, allow_pickle=True).item() if known.exists() else {}

        def find(key: str, question: str) -> list[tuple[str, int]]:
            if key not in near:
                hits = retrieve(prepare(question, store, self._embedder), store, texts, weights, 6)
                near[key] = [(texts.document(h.passage.document_id).path, h.passage.start) for h in hits]
                if len(near) % 500 == 0:
                    np.save(known, np.array(near, dtype=object), allow_pickle=True)
            return near[key]

        return find

    def _crossed(self, data: Path) -> list[Crossed]:
        """XQuAD's training questions, each in every language, with its passage in every language."""
        sets = {language: xquad(data, language) for language in LANGUAGES}
        near = self._retriever([as_document(one) for one in sets["zh"]], "xquad-zh")
        cut: dict[tuple[str, int], list[Piece]] = {}
        for language, paragraphs in sets.items():
            for place, paragraph in enumerate(paragraphs):
                if paragraph.part == "train":
                    cut[language, place] = self._pieces(as_document(paragraph, titled=place % 2 == 0))
        places = {paragraph.name: place for place, paragraph in enumerate(sets["zh"])}
        groups = []
        for place, chinese in enumerate(sets["zh"]):
            for number, question in enumerate(chinese.questions if chinese.part == "train" else ()):
                found = [path for path, _ in near(question.id, question.text) if path != chinese.name]
                beside = [places[path] for path in found if (("zh", places[path]) in cut)]
                questions, answered = {}, {}
                for language, paragraphs in sets.items():
                    paragraph = paragraphs[place]
                    own = paragraph.questions[number]
                    document = as_document(paragraph, titled=place % 2 == 0)
                    where = place_of(document, paragraph, own.answer, own.start)
                    if where and (found_there := around(cut[language, place], where)):
                        others = [one for p in beside for one in cut[language, p][:2] if own.answer not in one.text]
                        others += [one for one in cut[language, place] if own.answer not in one.text]
                        answered[language] = Lesson(own.text, *found_there, tuple(others[-_NEGATIVES:]))
                    questions[language] = Lesson(own.text, Piece("", "", (), 0), (0, 0), ())
                groups.append(Crossed(questions, answered))
        return groups

    def _from_reports(self, articles: Sequence[Paragraph], share: float) -> Iterator[Lesson]:
        """The questions of the training part: with the passage that answers or tempts, and others that do not."""
        near = self._retriever([as_document(one) for one in articles], "reports")
        trained = [one for one in articles if one.part == "train"]
        cut = {one.name: self._pieces(as_document(one, titled=place % 4 > 0)) for place, one in enumerate(trained)}
        for article in trained[: round(share * len(trained))]:
            document = as_document(article)
            for question in article.questions:
                place = place_of(
                    document, article, question.answer or article.text[question.start :][:8], question.start
                )
                found = place and around(cut[article.name], place)
                if not found:
                    continue
                piece, answer = found
                own = [one for one in cut[article.name] if one is not piece]
                found_near = [
                    min(cut[path], key=lambda one: abs(one.start - start))
                    for path, start in near(question.id, question.text)
                    if path in cut and path != article.name
                ]
                others = [
                    one for one in (*own[:2], *found_near) if not question.answer or question.answer not in one.text
                ]
                yield Lesson(question.text, piece, answer if question.answer else None, tuple(others[:_NEGATIVES]))

    # --- made ----------------------------------------------------------------------------------------------------

    def _from_news(self, data: Path, wanted: int) -> Iterator[Lesson]:
        draw = random.Random(self._seed)
        articles = [text for _, text in news(data) if len(text) > 200]
        draw.shuffle(articles)
        made = 0
        for text in articles:
            pieces = self._pieces(text_document(text[:1200], "news.txt"))
            asked = [(piece, *one) for piece in pieces for one in cloze(piece, draw)]
            if not asked:
                continue
            piece, question, answer = draw.choice(asked)
            words = piece.text[slice(*answer)]
            yield Lesson(question, piece, answer, tuple(one for one in pieces if words not in one.text)[:_NEGATIVES])
            made += 1
            if made == wanted:
                return
