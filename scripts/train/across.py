#!/usr/bin/env python3
"""Train rag/models/question_map.npy: questions in another script brought near to the Chinese text that answers them.

    python -m scripts.train.across [--data ../shared/data] [--write]

One linear map of the question's vector; passages and sentences keep theirs. Learnt from the training parts of XQuAD
(in eleven languages over its Chinese paragraphs) and of the reports (fourteen languages, many of them translated by
hand): the softmax over all passages of a store, each scored as retrieval scores it, is to fall on the one that answers.
What it brings is printed for the fit parts. Minutes, most of them for embedding.

Such cosines are spread as those of a question with text of its own language are, and lower by the same for every
language, .66: without more, any passage that is not Chinese would come before all that are. So a last vector is added,
with which all Chinese text has a cosine of nearly 1, times what lifts right passages to where those in the question's
own language are.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.models.extra import models_or_exit

models_or_exit("scripts.train.across")

import numpy as np
import torch
from torch.nn import functional

from rag.models import load_embedder
from rag.models.layout import QUESTION_MAP_FILE
from rag.settings import load_settings
from rag.store import LocalStore
from rag.text import scripts_differ, simplify, use_dictionary
from rag.types import Embedder
from scripts.corpora import DATA, LANGUAGES, ROOT, Paragraph, as_document, built, reports, xquad

TARGET = ROOT / "rag" / "models" / QUESTION_MAP_FILE
_SENTENCE = 1.5  # what a passage's best sentence weighs beside the passage itself, about as in rag/weights.json
_TEMPERATURE = 0.03
_STEPS, _BATCH, _RATE = 300, 96, 1e-3
_DECAY = 0.002  # of the map's squares: it stays near to doing nothing
_DEPTHS = (1, 6, 30)
_LEVELLED = ("en", "es", "ru", "ar")  # of XQuAD's languages: over their own text too
_RIDGE = 1e-3  # of the vectors' mean square


@dataclass(frozen=True, slots=True)
class Sought:
    """A question and where its answer stands."""

    language: str
    text: str
    path: str
    answer: str
    start: int
    part: str


class Pairs:
    """Questions of one store with the place of the passage that answers; all vectors as torch tensors."""

    def __init__(self, store: LocalStore, embedder: Embedder, asked: Sequence[Sought]) -> None:
        names = {one.id: one.path for one in store.documents()}
        ids = [f"{one.id}-{n:04d}" for one in store.documents() for n in range(one.passages)]
        passages = store.passages(ids)
        texts = {one.path: one.text for one in map(store.document, names) if one}
        places: dict[str, list[tuple[int, int, int]]] = {}
        for place, passage in enumerate(passages):
            places.setdefault(names[passage.document_id], []).append((passage.start, passage.end, place))
        self.passages = torch.from_numpy(store.passage_vectors(ids))
        groups = [vectors for _, vectors in store.sentences(ids)]
        self.sentences = torch.from_numpy(np.concatenate(groups))
        self.owners = torch.tensor([place for place, vectors in enumerate(groups) for _ in vectors])
        kept = [
            (one, place) for one in asked for place in [_place(one, texts[one.path], places[one.path])] if place >= 0
        ]
        self.asked = [one for one, _ in kept]
        self.gold = torch.tensor([place for _, place in kept])
        self.questions = torch.from_numpy(embedder.embed_questions([simplify(one.text) for one in self.asked]))

    def scores(self, questions: torch.Tensor) -> torch.Tensor:
        """[n, dim] -> [n, passages]."""
        best = torch.full((len(questions), len(self.passages)), -9.0)
        owners = self.owners[None].expand(len(questions), -1)
        best = best.scatter_reduce(1, owners, questions @ self.sentences.T, "amax")
        return questions @ self.passages.T + _SENTENCE * best

    def cosine(self, questions: torch.Tensor, places: np.ndarray) -> float:
        """Of the passages that answer the asked at `places`, and of their best sentences; the mean."""
        right = self.scores(questions).gather(1, self.gold[places][:, None])
        return float(right.detach().mean()) / (1 + _SENTENCE)

    def part(self, name: str) -> np.ndarray:
        return np.flatnonzero([one.part == name for one in self.asked])


def _place(one: Sought, text: str, passages: Sequence[tuple[int, int, int]]) -> int:
    found = [at for at in range(len(text)) if text.startswith(one.answer, at)]
    at = min(found, key=lambda at: abs(at - one.start), default=-1)
    return next((place for start, end, place in passages if start <= at < end), -1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--write", action="store_true", help=f"write {TARGET.name}; without it, only print")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the training data is not here; give its folder with --data.")
    settings = load_settings()
    use_dictionary(settings.cache)
    embedder, folder = load_embedder(settings), settings.cache / "fit"
    articles, paragraphs = reports(given.data, translated=True), xquad(given.data, "zh")
    sets = {
        "reports": Pairs(
            built([as_document(one) for one in articles], embedder, folder / "reports"),
            embedder,
            [one for one in _of_reports(articles) if scripts_differ(one.text, "中文")],
        ),
        "XQuAD": Pairs(
            built([as_document(one) for one in paragraphs], embedder, folder / "xquad-zh"),
            embedder,
            list(_of_xquad(given.data, paragraphs)),
        ),
    }
    layer = trained(list(sets.values()), given.seed)
    for name, pairs in sets.items():
        places = pairs.part("fit")
        for label, questions in (
            ("as it is", pairs.questions[places]),
            ("mapped", functional.normalize(layer(pairs.questions[places]), dim=-1)),
        ):
            scores, gold = pairs.scores(questions), pairs.gold[places]
            rank = (scores > scores.gather(1, gold[:, None])).sum(1)
            recall = "  ".join(f"R@{k} {(rank < k).float().mean():.3f}" for k in _DEPTHS)
            print(f"{name:<8} {label:<9} {recall}  ({len(places)} questions)", flush=True)
    own = {
        language: Pairs(
            built([as_document(one) for one in xquad(given.data, language)], embedder, folder / f"xquad-{language}"),
            embedder,
            list(_of_xquad(given.data, xquad(given.data, language), language)),
        )
        for language in _LEVELLED
    }
    level = lift(sets["XQuAD"], own, layer) * even([pairs.passages for pairs in sets.values()])
    if given.write:
        matrix = layer.weight.detach().numpy().T + np.eye(embedder.dim)
        np.save(TARGET, np.vstack([matrix, layer.bias.detach().numpy(), level]).astype(np.float16))
        print(f"{TARGET.name}: {TARGET.stat().st_size / 1e3:.0f} kB", file=sys.stderr)


def trained(sets: Sequence[Pairs], seed: int) -> torch.nn.Module:
    """question vector -> what is added to it, learnt from the training parts in turn."""
    draw = np.random.default_rng(seed)
    dim = sets[0].questions.shape[1]
    change = torch.nn.Linear(dim, dim)
    torch.nn.init.zeros_(change.weight)
    torch.nn.init.zeros_(change.bias)
    layer = _Added(change)
    optimizer = torch.optim.Adam(change.parameters(), lr=_RATE)
    parts = [pairs.part("train") for pairs in sets]
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / _STEPS)
        which = int(draw.integers(len(sets)))
        places = draw.choice(parts[which], _BATCH)
        pairs = sets[which]
        scores = pairs.scores(functional.normalize(layer(pairs.questions[places]), dim=-1))
        size = sum(parameter.square().sum() for parameter in change.parameters())
        loss = functional.cross_entropy(scores / _TEMPERATURE, pairs.gold[places]) + _DECAY * size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layer


def even(passages: Sequence[torch.Tensor]) -> np.ndarray:
    """The vector [dim] with which all `passages` have a product of nearly 1."""
    vectors = torch.cat(list(passages)).numpy().astype(np.float64)
    ridge = _RIDGE * np.eye(vectors.shape[1]) / vectors.shape[1]
    found = np.linalg.solve(vectors.T @ vectors / len(vectors) + ridge, vectors.mean(axis=0))
    print(f"level: {(vectors @ found).mean():.3f}, give or take {(vectors @ found).std():.4f}", flush=True)
    return np.asarray(found)


def lift(chinese: Pairs, own: Mapping[str, Pairs], layer: torch.nn.Module) -> float:
    """How far the cosines of right passages in the question's own language are above those by the mapped question; the
    mean over languages, by the fit parts."""
    found = []
    for language, pairs in own.items():
        places, within = chinese.part("fit"), pairs.part("fit")
        across = np.array([place for place in places if chinese.asked[place].language == language])
        mapped = functional.normalize(layer(chinese.questions[across]), dim=-1)
        found.append(pairs.cosine(pairs.questions[within], within) - chinese.cosine(mapped, across))
        print(f"lift {language}: {found[-1]:.3f}", flush=True)
    return float(np.mean(found))


class _Added(torch.nn.Module):
    def __init__(self, change: torch.nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias, self._change = change.weight, change.bias, change

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors + self._change(vectors)


def _of_reports(articles: Sequence[Paragraph]) -> Iterator[Sought]:
    for article in articles:
        for question in article.questions:
            if question.answer:
                yield Sought(
                    question.language, question.text, article.name, question.answer, question.start, article.part
                )


def _of_xquad(data: Path, paragraphs: Sequence[Paragraph], *languages: str) -> Iterator[Sought]:
    """The questions of all languages but Chinese, or of `languages`, over `paragraphs`."""
    for language in languages or LANGUAGES[1:]:
        for paragraph, over in zip(xquad(data, language), paragraphs, strict=True):
            for asked, gold in zip(paragraph.questions, over.questions, strict=True):
                if over.part != "test":
                    yield Sought(language, asked.text, over.name, gold.answer, gold.start, over.part)


if __name__ == "__main__":
    main()
