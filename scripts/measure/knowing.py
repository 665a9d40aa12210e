"""What the confidence is worth: hidden paragraphs, near misses over reports, documents beside the point.

The parts risk, reports and noise of scripts.measure.reading.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from rag.evaluate.matching import holds, squeeze
from rag.types import Filter, Store, Vectors
from rag.weights import load_weights
from scripts.corpora import Asked, OwnDocuments, as_document, built, reports
from scripts.measure.bench import Bench, first_is_right, show

RISKS = (0.05, 0.1, 0.15)


class Hiding:
    """A store as if it did not hold one path. Only what answering asks of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hidden: set[str] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def hide(self, path: str) -> None:
        self._hidden = {one.id for one in self._store.documents() if one.path == path}

    def search_dense(self, vector: Vectors, k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        return self._left(self._store.search_dense(vector, k + 10, filters), k)

    def search_words(self, words: Sequence[str], k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        return self._left(self._store.search_words(words, k + 10, filters), k)

    def _left(self, found: list[tuple[str, float]], k: int) -> list[tuple[str, float]]:
        return [one for one in found if one[0].rsplit("-", 1)[0] not in self._hidden][:k]


def risk(bench: Bench) -> dict[str, float]:
    hiding = Hiding(bench.xquad_store())
    assistant = bench.assistant(hiding)  # type: ignore[arg-type]
    right, confidence, answerable = [], [], []
    for one in bench.odd("zh"):
        for hidden in (False, True):
            hiding.hide(one.paths[0] if hidden else "")
            answer = assistant.ask(one.question)
            text = squeeze("".join(sentence.text for sentence in answer.sentences))
            right.append(not hidden and holds(text, one.answers))
            confidence.append(answer.confidence)
            answerable.append(not hidden)
    threshold = load_weights().accurate.min_confidence(bench.settings.max_risk)
    shown = np.array(confidence) >= threshold
    y, p = np.array(right), np.array(confidence)
    has_answer = np.array(answerable)
    lowest = {risk: min((least for least, seen in _risks(p, y) if seen <= risk), default=2.0) for risk in RISKS}
    covered = {f"coverage_at_{risk}": float((p[has_answer] >= least).mean()) for risk, least in lowest.items()}
    return show(
        "XQuAD odd, zh",
        **covered,
        threshold=threshold,
        risk_there=float(1 - y[shown].mean()) if shown.any() else 0.0,
        coverage_there=float(shown[has_answer].mean()),
        right_there=float(y[shown].sum() / has_answer.sum()),
        rejected_there=float(1 - shown[~has_answer].mean()),
        ece=_calibration_error(p, y),
        auroc_answerable=float(roc_auc_score(answerable, confidence)),
        auroc_right=float(roc_auc_score(right, confidence)),
    )


def _risks(p: np.ndarray, right: np.ndarray) -> Iterator[tuple[float, float]]:
    """(confidence, risk of what is shown from there on) for every threshold (El-Yaniv & Wiener 2010)."""
    order = np.argsort(-p, kind="stable")
    wrong = np.cumsum(~right[order])
    for n in range(1, len(p) + 1):
        yield float(p[order[n - 1]]), float(wrong[n - 1] / n)


def _calibration_error(p: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015), bins of equal width."""
    places = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(p[places == b].mean() - right[places == b].mean()) * (places == b).mean() for b in set(places)]
    return float(sum(gaps))


# --- reports and news ------------------------------------------------------------------------------------------------


def reports_kept_out(bench: Bench) -> dict[str, dict[str, float]]:
    articles = [one for one in reports(bench.data) if one.part == "validation"]
    store = built([as_document(one) for one in articles], bench.embedder, bench.folder / "reports-validation")
    assistant = bench.assistant(store)
    asked = [(q, one.name) for one in articles for q in one.questions][:: bench.every]
    answers = [assistant.ask(q.text) for q, _ in asked]
    threshold = load_weights().accurate.min_confidence(bench.settings.max_risk)
    p = np.array([answer.confidence for answer in answers])
    has_answer = np.array([bool(q.answer) for q, _ in asked])
    right = np.array(
        [
            bool(q.answer)
            and any(
                holds(squeeze(sentence.text), (q.answer,)) and answer.citations[n].path == path
                for n, sentence in enumerate(answer.sentences)
            )
            for (q, path), answer in zip(asked, answers, strict=True)
        ]
    )
    first = np.array(
        [
            bool(q.answer) and first_is_right(answer, Asked(q.text, (q.answer,), (path,)))
            for (q, path), answer in zip(asked, answers, strict=True)
        ]
    )
    of = np.array([q.language if q.language in ("zh", "en") else "others" for q, _ in asked])
    everyday = np.array([q.kind == "everyday" for q, _ in asked])
    figures = {}
    for name, those in {
        "all": of != "",
        **{name: of == name for name in ("zh", "en", "others")},
        "everyday": everyday,
    }.items():
        a, n = those & has_answer, those & ~has_answer
        figures[name] = show(
            name,
            questions=int(those.sum()),
            first=first[a].mean(),
            right=(right & (p >= threshold))[a].mean(),
            **({"rejected": (p < threshold)[n].mean()} if n.any() else {}),
        )
    judged = right | ~has_answer
    covered = min((least for least, seen in _risks(p, right) if seen <= 0.1), default=2.0)
    figures["confidence"] = show(
        "confidence",
        threshold=threshold,
        auroc=roc_auc_score(right[judged], p[judged]),
        coverage_at_10=(p[has_answer] >= covered).mean(),
        risk_there=float(1 - right[p >= threshold].mean()) if (p >= threshold).any() else 0.0,
        ece=_calibration_error(p, right),
    )
    return figures


# --- a question with its own documents -----------------------------------------------------------------------------


def noise(bench: Bench) -> dict[str, dict[str, float]]:
    documents_of = OwnDocuments(bench.data)
    whole = bench.assistant(bench.xquad_store())
    asked = bench.odd("zh")[::4]
    figures = {}
    shown_from = load_weights().accurate.min_confidence(bench.settings.max_risk)
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        right = rejected = 0
        for number, one in enumerate(asked):
            near = [citation.path for _, citation in whole.find(one.question, 12)]
            documents, _ = documents_of(one.paths[0], near, share)
            folder = bench.folder / "noise" / f"{share:.1f}-{number}"
            answer = bench.assistant(built(documents, bench.embedder, folder)).ask(one.question)
            kept = answer.confidence >= shown_from
            right += kept and holds(squeeze(answer.text), one.answers)
            rejected += not kept
        figures[f"{share:.1f}"] = show(f"noise {share:.1f}", right=right / len(asked), rejected=rejected / len(asked))
    return figures
