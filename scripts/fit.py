#!/usr/bin/env python3
"""Fit rag/weights.json: how the features of passages and sentences weigh, and how sure an answer is.

    python scripts/fit.py [--data ../shared/data] [--write]

Ranking weights are fitted on XQuAD's articles with an even index (Chinese, English, Spanish and Russian questions over
the Chinese paragraphs) and a twelfth of DRCD dev, as listwise softmax regression (Cao et al. 2007: the log-likelihood
that the softmax of the scores falls on a right one). Confidence is fitted by logistic regression on the development
half of seeds/qa.jsonl and on a third of the same XQuAD questions, a third of these with their paragraph taken away,
which the documents then do not answer. Nothing here reads XQuAD's odd articles or the test half of seeds/qa.jsonl.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from rag.answer import Candidate, choose, gather_evidence, rank_sentences
from rag.assistant import fingerprint_of
from rag.cache import TextCache
from rag.confidence import EVIDENCE, confidence
from rag.conversation import readings
from rag.documents import text_document
from rag.ingest import index_document, ingest
from rag.models import load_embedder
from rag.retrieve import prepare, retrieve
from rag.settings import load_settings
from rag.store import open_store
from rag.text import use_dictionary
from rag.types import Document, Embedder, Hit, Store, Turn
from rag.weights import weights_from

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "rag" / "weights.json"
Rows = tuple[np.ndarray, np.ndarray]  # features [n, d], right [n] of one question's candidates
_L2 = 1e-3


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answers: tuple[str, ...]
    paths: tuple[str, ...]  # documents that may answer; none: unanswerable
    every: bool = False  # all answers are wanted
    history: tuple[Turn, ...] = ()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=ROOT / ".." / "shared" / "data")
    options.add_argument("--write", action="store_true", help="write rag/weights.json; without it, only print")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the development data is not here; give its folder with --data.")
    settings = load_settings()
    use_dictionary(settings.cache)
    embedder = load_embedder(settings)
    weights = json.loads(WEIGHTS.read_text("utf-8"))
    folder = settings.cache / "fit"  # stores of the development data, kept for the next time
    xquad, asked = _xquad(given.data)
    drcd, drcd_asked = _squad(given.data / "drcd" / "DRCD_dev.json")
    corpora = [
        (_built(xquad, embedder, folder / "xquad"), asked),
        (_built(drcd, embedder, folder / "drcd"), drcd_asked[::12]),
    ]
    print("ranking passages ...", file=sys.stderr)
    rows = [row for store, questions in corpora for row in _passage_rows(store, embedder, questions)]
    _put(weights["passage"], _listwise(rows))
    print("ranking sentences ...", file=sys.stderr)
    rows = [row for store, questions in corpora for row in _sentence_rows(store, embedder, questions, weights)]
    _put(weights["sentence"], _listwise(rows))
    print("confidence ...", file=sys.stderr)
    seeds = open_store(folder / "seeds", fingerprint_of(embedder), write=True)
    ingest([ROOT / "seeds"], seeds, embedder, base=ROOT, limit_mb=20)
    _fit_confidence(weights, [(seeds, _development()), _with_gaps(asked, xquad, embedder, folder / "gaps")], embedder)
    text = json.dumps(weights, indent=2) + "\n"
    print(text)
    if given.write:
        WEIGHTS.write_text(text, "utf-8")


# --- data --------------------------------------------------------------------------------------------------------


def _squad(path: Path, keep: Callable[[int], bool] = lambda article: True) -> tuple[list[Document], list[Asked]]:
    documents, asked = [], []
    for number, article in enumerate(json.loads(path.read_text("utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            name = f"{len(documents):05d}.txt"
            documents.append(text_document(paragraph["context"], name))
            if keep(number):
                for qa in paragraph["qas"]:
                    asked.append(Asked(qa["question"], tuple({a["text"] for a in qa["answers"]}), (name,)))
    return documents, asked


def _xquad(data: Path) -> tuple[list[Document], list[Asked]]:
    """All Chinese paragraphs; questions in four languages of the articles with an even index."""
    documents, asked = [], []
    chinese: list[Asked] = []
    for language in ("zh", "en", "es", "ru"):
        found, questions = _squad(data / "xquad" / f"xquad.{language}.json", lambda article: article % 2 == 0)
        documents, chinese = documents or found, chinese or questions
        crossed = [Asked(q.question, c.answers, c.paths) for q, c in zip(questions, chinese, strict=True)]
        asked += crossed if language in ("zh", "en") else crossed[::2]
    return documents, asked


def _built(documents: Sequence[Document], embedder: Embedder, folder: Path) -> Store:
    print(f"embedding {len(documents)} documents ...", file=sys.stderr)
    store = open_store(folder, fingerprint_of(embedder), write=True)
    known = store.sources()
    for document in documents:
        if known.get(document.path) != document.sha256:
            store.add(document.path, [index_document(document, embedder)])
    store.refresh()
    return store


def _development() -> list[Asked]:
    asked = []
    for line in (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        if one["split"] == "dev":
            paths = tuple(f"seeds/{name}" for name in one["doc"] or ())
            history = tuple(Turn(role, text) for role, text in one["history"])
            asked.append(Asked(one["question"], tuple(one["answers"]), paths, one["all"], history))
    return asked


def _with_gaps(
    asked: Sequence[Asked], documents: Sequence[Document], embedder: Embedder, folder: Path
) -> tuple[Store, list[Asked]]:
    """A third of the questions over a store without every third paragraph: what was asked of those is unanswerable."""
    kept = [document for n, document in enumerate(documents) if n % 3]
    there = {document.path for document in kept}
    questions = [one if one.paths[0] in there else Asked(one.question, (), ()) for one in asked[::3]]
    return _built(kept, embedder, folder), questions


# --- features ----------------------------------------------------------------------------------------------------


def _holds(text: str, answers: Sequence[str]) -> bool:
    squeezed = re.sub(r"\s", "", text)
    return any(re.sub(r"\s", "", answer) in squeezed for answer in answers)


def _hits(store: Store, texts: TextCache, embedder: Embedder, question: str, k: int, weights: dict) -> tuple:
    query = prepare(question, store, embedder)
    return query, retrieve(query, store, texts, weights_from(weights), k)


def _passage_rows(store: Store, embedder: Embedder, questions: Sequence[Asked]) -> list[Rows]:
    texts, rows = TextCache(store), []
    for one in questions:
        _, hits = _hits(store, texts, embedder, one.question, 60, json.loads(WEIGHTS.read_text("utf-8")))
        features = np.array([[hit.cosine, hit.sentence_cosine, hit.word_share, hit.years_missing] for hit in hits])
        rows.append((features, np.array([_path(texts, hit) in one.paths for hit in hits])))
    return rows


def _sentence_rows(store: Store, embedder: Embedder, questions: Sequence[Asked], weights: dict) -> list[Rows]:
    texts, rows = TextCache(store), []
    for one in questions:
        query, hits = _hits(store, texts, embedder, one.question, 8, weights)
        found = rank_sentences(query, hits, store, texts, weights_from(weights))
        rows.append((np.array([c.features for c in found]), np.array([_is_right(texts, c, one) for c in found])))
    return rows


def _path(texts: TextCache, hit: Hit) -> str:
    return texts.document(hit.passage.document_id).path


def _is_right(texts: TextCache, candidate: Candidate, one: Asked) -> bool:
    return _path(texts, candidate.hit) in one.paths and _holds(candidate.text, one.answers)


def _shown_right(texts: TextCache, shown: Sequence[Candidate], one: Asked) -> bool:
    """Whether the sentences that would be shown hold the answer, all of it where all is asked for."""
    text = "\n".join(candidate.text for candidate in shown if _path(texts, candidate.hit) in one.paths)
    return bool(one.answers) and (all if one.every else any)(_holds(text, [answer]) for answer in one.answers)


# --- fitting -----------------------------------------------------------------------------------------------------


def _listwise(rows: Sequence[Rows]) -> np.ndarray:
    """Coefficients that put the most softmax mass on right candidates; questions without any are left out."""
    rows = [(features, right) for features, right in rows if right.any()]
    stacked = np.concatenate([features for features, _ in rows])
    scale = stacked.std(axis=0) + 1e-9
    scaled = [(features / scale, right) for features, right in rows]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        total, gradient = 0.0, np.zeros_like(w)
        for features, right in scaled:
            scores = features @ w
            p = np.exp(scores - scores.max())
            p /= p.sum()
            mass = p[right].sum() + 1e-12
            total -= np.log(mass)
            gradient += features.T @ (p - p * right / mass)
        return total / len(scaled) + _L2 * w @ w, gradient / len(scaled) + 2 * _L2 * w

    fitted = minimize(loss, np.zeros(stacked.shape[1]), jac=True, method="L-BFGS-B").x
    first = np.mean([right[np.argmax(features @ fitted)] for features, right in scaled])
    print(f"  right one first: {first:.3f} of {len(scaled)}", file=sys.stderr)
    return fitted / scale


def _fit_confidence(weights: dict, sets: Sequence[tuple[Store, Sequence[Asked]]], embedder: Embedder) -> None:
    """Logistic regression of "the sentences shown hold the answer"."""
    ready = weights_from(weights)
    features, right, answerable, own = [], [], [], []
    for number, (store, questions) in enumerate(sets):
        texts = TextCache(store)
        for one in questions:
            best = None
            for reading in readings(one.question, one.history):
                query = prepare(reading, store, embedder)
                hits = retrieve(query, store, texts, ready, 8)
                found = rank_sentences(query, hits, store, texts, ready)
                evidence = gather_evidence(query, found, store, texts)
                if best is None or confidence(evidence, ready) > confidence(best[0], ready):
                    best = evidence, _shown_right(texts, choose(found, ready.second_sentence, 3), one)
            assert best is not None
            features.append(best[0].vector())
            right.append(best[1])
            answerable.append(bool(one.paths))
            own.append(number == 0)
    x, y, mine = np.array(features), np.array(right), np.array(own)
    scale = x.std(axis=0) + 1e-9
    # Both sets weigh the same in all, though the project's own has a fifth of the other's questions.
    weight = np.where(mine, 1 / mine.sum(), 1 / (~mine).sum()) * len(y) / 2
    model = LogisticRegression(C=0.3, max_iter=1000)
    held_out = cross_val_predict(model, x / scale, y, cv=10, method="predict_proba", params={"sample_weight": weight})[
        :, 1
    ]
    model.fit(x / scale, y, sample_weight=weight)
    weights["confidence"] = {
        "features": dict(zip(EVIDENCE, (model.coef_[0] / scale).round(4).tolist(), strict=True)),
        "intercept": round(float(model.intercept_[0]), 4),
    }
    _report(held_out[mine], y[mine], np.array(answerable)[mine])


def _report(p: np.ndarray, right: np.ndarray, answerable: np.ndarray) -> None:
    """What each threshold would give on the project's own development half, held out."""
    for t in np.arange(0.1, 0.95, 0.1):
        kept, rejected = right[answerable] & (p[answerable] >= t), p[~answerable] < t
        print(f"  at {t:.1f}: {kept.mean():.3f} right, {rejected.mean():.3f} rejected", file=sys.stderr)


def _put(part: dict, coefficients: np.ndarray) -> None:
    part["features"] = dict(zip(part["features"], coefficients.round(3).tolist(), strict=True))


if __name__ == "__main__":
    main()
