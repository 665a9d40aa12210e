#!/usr/bin/env python3
"""Fit rag/weights.json: how the features of passages and sentences weigh, and how sure an answer is.

    python scripts/fit.py [--data ../shared/data] [--write]

Who may see what is told in corpora.py: the weights that join the reader's scores with the others are fitted on
questions that the reader was not trained on, and none on XQuAD's odd articles, DRCD's validation tenth or the test half
of seeds/qa.jsonl. Passages and sentences are ranked by listwise softmax regression (Cao et al. 2007: the
log-likelihood that the softmax of the scores falls on a right one). Confidence is a logistic regression (Platt 1999) on
the same questions, each asked twice, the second time with its document taken away, and on the development half of
seeds/qa.jsonl; how much each of them weighs is said below. Risk and coverage are those of held-out predictions (ten
folds), as if a quarter of all questions had no answer.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from corpora import DATA, LANGUAGES, ROOT, Paragraph, as_document, built, drcd, xquad
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from rag.answer import gather_evidence
from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import TextCache
from rag.choose import choose
from rag.confidence import EVIDENCE
from rag.evaluate.calibrate import risk_curve
from rag.ingest import ingest
from rag.models import load_embedder, load_reader
from rag.rank import Candidate, SentenceFeatures, rank_sentences
from rag.read import STEPS, Readings, read_passages
from rag.retrieve import PASSAGE_FEATURES, prepare, retrieve
from rag.settings import load_settings
from rag.store import open_store
from rag.text import use_dictionary
from rag.types import Embedder, Hit, Query, Reader, Store, Turn
from rag.weights import ModeWeights, Weights, mode_from, weights_from

WEIGHTS = ROOT / "rag" / "weights.json"
Rows = tuple[np.ndarray, np.ndarray]  # features [n, d], right [n] of one question's candidates
_L2 = 1e-3
_SHARES = (0.4, 0.4, 0.2)
"""What weighs in confidence: the project's own questions, public ones in the documents' language, in another one."""
_UNANSWERABLE = 1 / 3  # what a public question without an answer counts beside one with, in the curve of risk
_DEPTH = STEPS[-1]


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answers: tuple[str, ...]
    paths: tuple[str, ...]  # documents that may answer; none: unanswerable
    every: bool = False  # all answers are wanted
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A question over a store with all that was retrieved and read for it; `own`: of the project's own documents."""

    asked: Asked
    query: Query
    hits: tuple[Hit, ...]
    read: Readings
    store: Store
    texts: TextCache
    own: bool


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--write", action="store_true", help="write rag/weights.json; without it, only print")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the development data is not here; give its folder with --data.")
    settings = load_settings()
    use_dictionary(settings.cache)
    embedder, reader = load_embedder(settings), load_reader(settings)
    assert reader is not None
    weights = json.loads(WEIGHTS.read_text("utf-8"))
    folder = settings.cache / "fit"  # stores of the development data, kept for the next time
    paragraphs, taiwan = xquad(given.data, "zh"), drcd(given.data)
    xquad_store = built([as_document(one) for one in paragraphs], embedder, folder / "xquad-zh")
    drcd_store = built([as_document(one) for one in taiwan], embedder, folder / "drcd-all")
    seeds = open_store(folder / "seeds", fingerprint_of(embedder), write=True)
    ingest([ROOT / "seeds"], seeds, embedder, base=ROOT, limit_mb=20)

    print("ranking passages ...", file=sys.stderr)
    asked = list(_asked(given.data, ("zh", "en", "es", "ru"), ("train", "fit")))
    rows = list(_passage_rows(xquad_store, embedder, asked))
    rows += _passage_rows(drcd_store, embedder, [one for p in taiwan[8::10] for one in _of(p)][::2])
    weights["passage"] = {"features": _listwise(rows, PASSAGE_FEATURES)}

    print("reading ...", file=sys.stderr)
    fitted = weights_from(weights)
    cases = [
        case
        for store, questions, own in (
            (xquad_store, list(_asked(given.data, LANGUAGES, ("fit",))), False),
            (drcd_store, [one for p in taiwan[8::10] for one in _of(p)][::2], False),
            (seeds, _development(), True),
        )
        for case in _cases(store, questions, own, fitted, embedder, reader)
    ]
    for mode in ("fast", "accurate"):
        print(f"{mode}: ranking sentences ...", file=sys.stderr)
        mine = cases if mode == "accurate" else [replace(case, read={}) for case in cases]
        part = weights[mode]
        rows = [row for case in mine if case.asked.paths and (row := _sentence_row(case, mode_from(part))) is not None]
        part["sentence"] = {"features": _listwise(rows, SentenceFeatures._fields)}
        print(f"{mode}: confidence ...", file=sys.stderr)
        _fit_confidence(part, mine)
    text = _compact(json.dumps(weights, indent=2)) + "\n"
    print(text)
    if given.write:
        WEIGHTS.write_text(text, "utf-8")


# --- data --------------------------------------------------------------------------------------------------------


def _of(paragraph: Paragraph) -> list[Asked]:
    return [Asked(one.text, (one.answer,), (paragraph.name,)) for one in paragraph.questions]


def _asked(data: Path, languages: Sequence[str], parts: Sequence[str]) -> Iterator[Asked]:
    """Questions in several languages over the Chinese paragraphs; of those but Chinese and English, every sixth."""
    chinese = xquad(data, "zh")
    for language in languages:
        questions = [
            Asked(asked.text, (gold.answer,), (over.name,))
            for paragraph, over in zip(xquad(data, language), chinese, strict=True)
            for asked, gold in zip(paragraph.questions, over.questions, strict=True)
            if over.part in parts
        ]
        yield from questions if language in ("zh", "en") else questions[::6]


def _development() -> list[Asked]:
    asked = []
    for line in (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        if one["split"] == "dev":
            paths = tuple(f"seeds/{name}" for name in one["doc"] or ())
            history = tuple(Turn(role, text) for role, text in one["history"])
            asked.append(Asked(one["question"], tuple(one["answers"]), paths, one["all"], history))
    return asked


def _cases(
    store: Store, questions: Sequence[Asked], own: bool, weights: Weights, embedder: Embedder, reader: Reader
) -> Iterator[Case]:
    """Each question as asked; a public one once more without its document, so that nothing answers it."""
    texts, pool = TextCache(store), ThreadPoolExecutor(os.cpu_count())
    understands = LocalAssistant(store, embedder, load_settings(), weights)
    for number, one in enumerate(questions, 1):
        asked = one.question
        if one.history:
            asked = understands.ask(one.question, one.history, "fast").standalone_question
        query = prepare(asked, store, embedder)
        found = retrieve(query, store, texts, weights, _DEPTH + 4)
        read = read_passages(asked, found, reader, store, texts, pool)
        yield Case(one, query, tuple(found[:_DEPTH]), read, store, texts, own)
        if not own:
            others = tuple(hit for hit in found if _path(texts, hit) not in one.paths)[:_DEPTH]
            yield Case(replace(one, answers=(), paths=()), query, others, read, store, texts, own)
        if number % 200 == 0:
            print(f"  {number} of {len(questions)}", file=sys.stderr)


# --- features ----------------------------------------------------------------------------------------------------


def _holds(text: str, answers: Sequence[str]) -> bool:
    squeezed = re.sub(r"\s", "", text)
    return any(re.sub(r"\s", "", answer) in squeezed for answer in answers)


def _passage_rows(store: Store, embedder: Embedder, questions: Sequence[Asked]) -> Iterator[Rows]:
    texts, weights = TextCache(store), weights_from(json.loads(WEIGHTS.read_text("utf-8")))
    for one in questions:
        hits = retrieve(prepare(one.question, store, embedder), store, texts, weights, 60)
        features = np.array([[hit.cosine, hit.sentence_cosine, hit.word_share, hit.years_missing] for hit in hits])
        yield features, np.array([_path(texts, hit) in one.paths for hit in hits])


def _ranked(case: Case, weights: ModeWeights, depth: int = _DEPTH) -> list[Candidate]:
    return rank_sentences(case.query, case.hits[:depth], case.store, case.texts, weights, case.read or None)


def _sentence_row(case: Case, weights: ModeWeights) -> Rows:
    found = _ranked(case, weights)
    return np.array([c.features for c in found]), np.array([_is_right(case, c) for c in found])


def _path(texts: TextCache, hit: Hit) -> str:
    return texts.document(hit.passage.document_id).path


def _is_right(case: Case, candidate: Candidate) -> bool:
    return _path(case.texts, candidate.hit) in case.asked.paths and _holds(candidate.text, case.asked.answers)


def _shown_right(case: Case, shown: Sequence[Candidate]) -> bool:
    """Whether the sentences that would be shown hold the answer, all of it where all is asked for."""
    one = case.asked
    text = "\n".join(candidate.text for candidate in shown if _path(case.texts, candidate.hit) in one.paths)
    return bool(one.answers) and (all if one.every else any)(_holds(text, [answer]) for answer in one.answers)


# --- fitting -----------------------------------------------------------------------------------------------------


def _listwise(rows: Sequence[Rows], names: Sequence[str]) -> dict[str, float]:
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
    return dict(zip(names, (fitted / scale).round(3).tolist(), strict=True))


def _fit_confidence(part: dict, cases: Sequence[Case]) -> None:
    """Logistic regression of "the sentences shown hold the answer", after few passages and after all."""
    weights = mode_from(part)
    features, right, own, answerable, group = [], [], [], [], []
    for number, case in enumerate(cases):
        for depth in STEPS:
            found = _ranked(case, weights, depth)
            if not found:
                continue
            features.append(gather_evidence(case.query, found, case.store, case.texts).vector())
            right.append(_shown_right(case, choose(case.query, found, case.texts, weights.second_sentence, 3)))
            own.append(case.own)
            answerable.append(bool(case.asked.paths))
            group.append(number)
    x, y, mine, has_answer = np.array(features), np.array(right), np.array(own), np.array(answerable)
    scale = x.std(axis=0) + 1e-9
    kind = np.where(mine, 0, np.where(x[:, EVIDENCE.index("foreign")] > 0, 2, 1))
    weight = np.array(_SHARES)[kind] / np.bincount(kind)[kind] * len(y)
    model = LogisticRegression(C=0.3, max_iter=2000)
    held_out = cross_val_predict(
        model, x / scale, y, groups=group, cv=GroupKFold(10), method="predict_proba", params={"sample_weight": weight}
    )[:, 1]
    model.fit(x / scale, y, sample_weight=weight)
    part["confidence"] = {
        "features": dict(zip(EVIDENCE, (model.coef_[0] / scale).round(4).tolist(), strict=True)),
        "intercept": round(float(model.intercept_[0]), 4),
    }
    asked = np.where(~mine & ~has_answer, _UNANSWERABLE, 1.0)
    part["risks"] = risk_curve(held_out, y.astype(float), weight * asked)
    for name, those in (("own", kind == 0), ("same language", kind == 1), ("another language", kind == 2)):
        _report(name, held_out[those], y[those], has_answer[those])


def _report(name: str, p: np.ndarray, right: np.ndarray, answerable: np.ndarray) -> None:
    """What each threshold would give, held out."""
    for t in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        kept, rejected = right[answerable] & (p[answerable] >= t), p[~answerable] < t
        risk = 1 - right[p >= t].mean() if (p >= t).any() else 0.0
        figures = f"{kept.mean():.3f} right, {rejected.mean():.3f} rejected, risk {risk:.3f}"
        print(f"  {name} at {t:.1f}: {figures}", file=sys.stderr)


def _compact(text: str) -> str:
    """Short lists on one line."""
    return re.sub(r"\[\s+(-?[\d.e-]+),\s+(-?[\d.e-]+),\s+(-?[\d.e-]+)\s+\]", r"[\1, \2, \3]", text)


if __name__ == "__main__":
    main()
