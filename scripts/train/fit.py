#!/usr/bin/env python3
"""Fit rag/weights.json: how the features of passages and sentences weigh, and how sure an answer is.

    python -m scripts.train.fit [--data ../shared/data] [--write]

Who may see what is told in scripts/corpora.py: the weights that join the reader's scores with the others are fitted on
questions that the reader was not trained on, and none on XQuAD's odd articles, DRCD's validation tenth or the test half
of seeds/qa.jsonl. hard_questions.jsonl holds questions over the seeds written by hand: near misses, other languages,
everyday words; none asks for what a question of the test half asks for.

Passages are ranked over stores of some hundred articles and of thousands. Passages and sentences are ranked by listwise
softmax regression (Cao et al. 2007: the log-likelihood that the softmax of the scores falls on a right one). Confidence
is a logistic regression (Platt 1999), one for questions in the documents' script and one for others: on the same
questions, each asked twice, the second time with its document taken away; on some over five documents of their own; on
reports and news with their near misses, over their own articles and again among thousands of others; on the development
half of seeds/qa.jsonl and the hard ones. How much each of them weighs is said below. Risk and coverage are those of
held-out predictions (ten folds) but for the hard questions, as if three of ten questions had no answer.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from rag.models.extra import models_or_exit

models_or_exit("scripts.train.fit")

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from rag.answering.choose import choose
from rag.answering.judge import EVIDENCE, gather_evidence
from rag.answering.rank import Candidate, SentenceFeatures, is_foreign, rank_sentences
from rag.answering.read import steps
from rag.answering.retrieve import PASSAGE_FEATURES, retrieve
from rag.answering.understand import prepare
from rag.assistant import fingerprint_of
from rag.cache import TextCache
from rag.evaluate.calibrate import risk_curve
from rag.ingest import ingest
from rag.models import load_embedder, load_reader
from rag.settings import load_settings
from rag.store import open_store
from rag.text import scripts_differ, use_dictionary
from rag.types import Embedder, Store
from rag.weights import ModeWeights, mode_from, weights_from
from scripts.corpora import (
    DATA,
    LANGUAGES,
    ROOT,
    Asked,
    OwnDocuments,
    among_news,
    as_document,
    built,
    drcd,
    reports,
    xquad,
)
from scripts.train.cases import MOST, Bench, Case, development, path_of, questions_of, translated

WEIGHTS = ROOT / "rag" / "weights.json"
HARD = ROOT / "scripts" / "train" / "hard_questions.jsonl"
Rows = tuple[np.ndarray, np.ndarray, bool]
"""Features [n, d] and right [n] of one question's candidates, and whether it is in another script than they are."""
_NEWS = 5000  # articles in the largest store
_L2 = 1e-3
_SHARES = {"own": 0.3, "reports": 0.35, "same": 0.1, "foreign": 0.15, "few": 0.1}
"""What weighs in confidence: the project's own questions; those over reports and news; public ones in the documents'
language, in another one, over few documents."""
_UNANSWERABLE = 0.3
"""Of all questions, in the curve of risk. Nobody knows what a user will ask: a quarter of the questions written over
the seeds have no answer there, a third of those over reports."""

Mode = Literal["fast", "accurate"]


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
    articles = [one for one in reports(given.data) if one.part in ("train", "fit")]
    kept = [one for one in articles if one.part == "fit"]
    reports_store = built([as_document(one) for one in kept], embedder, folder / "reports-fit")
    news_store = built(among_news(given.data, articles, _NEWS), embedder, folder / "news")
    seeds = open_store(folder / "seeds", fingerprint_of(embedder), write=True)
    ingest([ROOT / "seeds"], seeds, embedder, base=ROOT, limit_mb=20)

    print("ranking passages ...", file=sys.stderr)
    asked = list(translated(given.data, ("zh", "en", "es", "ru"), ("train", "fit")))
    rows = list(_passage_rows(xquad_store, embedder, asked))
    rows += _passage_rows(drcd_store, embedder, [one for p in taiwan[8::10] for one in questions_of(p)][::2])
    rows += _passage_rows(reports_store, embedder, [one for p in kept for one in questions_of(p) if one.paths])
    rows += _passage_rows(news_store, embedder, [one for p in articles for one in questions_of(p) if one.paths])
    weights["passage"] = _by_script(rows, PASSAGE_FEATURES)

    print("reading ...", file=sys.stderr)
    bench = Bench(weights_from(weights), embedder, reader)
    chinese = list(translated(given.data, ("zh",), ("fit",)))
    cases = [
        *bench.cases(xquad_store, list(translated(given.data, LANGUAGES, ("fit",))), "public"),
        *bench.cases(drcd_store, [one for p in taiwan[8::10] for one in questions_of(p)][::2], "public"),
        *bench.few(chinese, OwnDocuments(given.data), xquad_store, folder / "few"),
        *bench.cases(reports_store, [one for p in kept for one in questions_of(p)], "reports"),
        *bench.cases(news_store, [one for p in kept for one in questions_of(p)], "reports"),
        *bench.cases(seeds, development(ROOT / "seeds" / "qa.jsonl"), "dev"),
        *bench.cases(seeds, development(HARD), "hard"),
    ]
    for mode in ("fast", "accurate"):
        print(f"{mode}: ranking sentences ...", file=sys.stderr)
        part = weights[mode]
        rows = [_sentence_row(case, mode, mode_from(part)) for case in cases if case.kind != "few" and case.asked.paths]
        part["sentence"] = _by_script(rows, SentenceFeatures._fields)
        print(f"{mode}: confidence ...", file=sys.stderr)
        _fit_confidence(part, cases, mode)
    text = _compact(json.dumps(weights, indent=2)) + "\n"
    print(text)
    if given.write:
        WEIGHTS.write_text(text, "utf-8")


# --- features ----------------------------------------------------------------------------------------------------


def _holds(text: str, answers: Sequence[str]) -> bool:
    squeezed = re.sub(r"\s", "", text)
    return any(re.sub(r"\s", "", answer) in squeezed for answer in answers)


def _passage_rows(store: Store, embedder: Embedder, questions: Sequence[Asked]) -> Iterator[Rows]:
    texts, weights = TextCache(store), weights_from(json.loads(WEIGHTS.read_text("utf-8")))
    for one in questions:
        hits = retrieve(prepare(one.question, store, embedder), store, texts, weights, 60)
        features = np.array([[hit.cosine, hit.sentence_cosine, hit.word_share, hit.years_missing] for hit in hits])
        right = np.array([path_of(texts, hit) in one.paths for hit in hits])
        nearest = max(hits, key=lambda hit: hit.cosine)
        yield features, right, scripts_differ(one.question, texts.folded(nearest.passage))


def _ranked(case: Case, mode: Mode, weights: ModeWeights, depth: int) -> list[Candidate]:
    read = case.read if mode == "accurate" else None
    return rank_sentences(case.query, case.hits[:depth], case.store, case.texts, weights, read)


def _depths(case: Case, mode: Mode) -> tuple[int, ...]:
    """Numbers of passages that an answer is picked from."""
    return steps(case.query.text) if mode == "accurate" else (MOST,)


def _sentence_row(case: Case, mode: Mode, weights: ModeWeights) -> Rows:
    found = _ranked(case, mode, weights, _depths(case, mode)[-1])
    right = np.array([_is_right(case, c) for c in found])
    return np.array([c.features for c in found]), right, is_foreign(case.query, case.hits, case.texts)


def _is_right(case: Case, candidate: Candidate) -> bool:
    return path_of(case.texts, candidate.hit) in case.asked.paths and _holds(candidate.text, case.asked.answers)


def _shown_right(case: Case, shown: Sequence[Candidate]) -> bool:
    """Whether the sentences that would be shown hold the answer, all of it where all is asked for."""
    one = case.asked
    text = "\n".join(candidate.text for candidate in shown if path_of(case.texts, candidate.hit) in one.paths)
    return bool(one.answers) and (all if one.every else any)(_holds(text, [answer]) for answer in one.answers)


# --- fitting -----------------------------------------------------------------------------------------------------


def _by_script(rows: Sequence[Rows], names: Sequence[str]) -> dict[str, dict]:
    """The weights of questions in the documents' script and of others; see `rag.weights.ByScript`."""
    both = {"same": False, "other": True}
    return {
        name: {"features": _listwise([row[:2] for row in rows if row[2] == foreign], names)}
        for name, foreign in both.items()
    }


def _listwise(rows: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str]) -> dict[str, float]:
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


def _fit_confidence(part: dict, cases: Sequence[Case], mode: Mode) -> None:
    """Logistic regression of "the sentences shown hold the answer", after few passages and after all."""
    weights = mode_from(part)
    features, right, foreign, group, mine = [], [], [], [], []
    for case in cases:
        for depth in _depths(case, mode):
            found = _ranked(case, mode, weights, depth)
            if not found:
                continue
            evidence = gather_evidence(case.query, found, case.store, case.texts)
            features.append(evidence.vector())
            foreign.append(evidence.foreign)
            right.append(_shown_right(case, choose(case.query, found, case.texts, weights.second_sentence, 3)))
            mine.append(case)
            # What asks for the same is held out together: the hard questions reword some of the development half.
            group.append("|".join(case.asked.answers) or case.asked.question)
    x, y, other = np.array(features), np.array(right), np.array(foreign)
    has_answer = np.array([bool(case.asked.paths) for case in mine])
    sets = np.array([_set_of(case, far) for case, far in zip(mine, foreign, strict=True)])
    weight = np.array([_SHARES[name] / np.mean(sets == name) for name in sets])
    held_out = np.empty(len(y))
    part["confidence"] = {}
    for key, those in (("same", ~other), ("other", other)):
        scale = x[those].std(axis=0)
        scale[scale < 1e-9] = 1.0  # says nothing here
        model = LogisticRegression(C=0.3, max_iter=2000)
        scaled, folds, params = x[those] / scale, GroupKFold(10), {"sample_weight": weight[those]}
        names = np.array(group)[those]
        held_out[those] = cross_val_predict(
            model, scaled, y[those], groups=names, cv=folds, method="predict_proba", params=params
        )[:, 1]
        model.fit(scaled, y[those], sample_weight=weight[those])
        part["confidence"][key] = {
            "features": dict(zip(EVIDENCE, (model.coef_[0] / scale).round(4).tolist(), strict=True)),
            "intercept": round(float(model.intercept_[0]), 4),
        }
    kinds = np.array([case.kind for case in mine])
    asked = kinds != "hard"
    part["risks"] = risk_curve(held_out[asked], y[asked].astype(float), _as_asked(sets[asked], has_answer[asked]))
    for name, those in (
        ("development half", kinds == "dev"),
        ("hard questions", kinds == "hard"),
        *((name, sets == name) for name in ("reports", "same", "foreign", "few")),
    ):
        _report(name, held_out[those], y[those], has_answer[those])


def _set_of(case: Case, foreign: bool) -> str:
    """The one of _SHARES that a case weighs in."""
    if case.kind in ("few", "reports"):
        return case.kind
    if case.kind == "public":
        return "foreign" if foreign else "same"
    return "own"


def _as_asked(sets: np.ndarray, has_answer: np.ndarray) -> np.ndarray:
    """What each question weighs in the curve of risk: each set has its share, and a quarter of it no answer."""
    weight = np.zeros(len(sets))
    for name, share in _SHARES.items():
        for answered, part in ((True, 1 - _UNANSWERABLE), (False, _UNANSWERABLE)):
            those = (sets == name) & (has_answer == answered)
            weight[those] = share * part / np.mean(those)
    return weight


def _report(name: str, p: np.ndarray, right: np.ndarray, answerable: np.ndarray) -> None:
    """What each threshold would give, held out; after few passages and after all alike."""
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
