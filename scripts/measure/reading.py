#!/usr/bin/env python3
"""What the trained reader and the calibrated confidence are worth, on data that neither has seen.

    python -m scripts.measure.reading [--data ../shared/data] [--every N] [--part NAME ...] [--json FILE]

    languages   XQuAD's odd articles in twelve languages over all Chinese paragraphs: right sentence first, and how well
                the words that answer are marked (F1)
    validation  DRCD: the tenth of the paragraphs kept out of training, over all 2,000
    risk        XQuAD's odd articles in Chinese, each question twice, the second time with its paragraph hidden: how
                much is answered at 5, 10 and 15 % risk, how well confidence is calibrated and tells the two apart
    reports     the articles of reports and news kept out of training, in one store: right and rejected at the default
                settings, right sentence first, how well confidence tells right answers from near misses
    noise       a question with five documents of its own, 0.2 to 1.0 of them beside the point (Chen et al. 2023, RGB)
    speed       milliseconds for a question over the seeds, and as a ratio to one encoding by sentence-transformers
    ablation    what is lost without context lines, reader, joined selection, calibration

Every answer is asked for without abstaining; what confidence would hold back is worked out afterwards.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rag.models.extra import models_or_exit

models_or_exit("scripts.measure.reading")

import numpy as np
from sklearn.metrics import roc_auc_score

from rag.assistant import LocalAssistant, fingerprint_of
from rag.evaluate.cmrc import f1
from rag.evaluate.matching import holds, squeeze
from rag.evaluate.metrics import highlighted
from rag.ingest import ingest
from rag.models import load_embedder, load_reader
from rag.settings import Settings, load_settings
from rag.store import open_store
from rag.text import simplify, use_dictionary
from rag.types import Answer, Store, Vectors
from rag.weights import load_weights
from scripts.corpora import DATA, LANGUAGES, ROOT, OwnDocuments, Paragraph, as_document, built, drcd, reports, xquad

RISKS = (0.05, 0.1, 0.15)


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answer: str
    path: str


class Hiding:
    """A store as if it did not hold one path. Only what answering asks of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hidden: set[str] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def hide(self, path: str) -> None:
        self._hidden = {one.id for one in self._store.documents() if one.path == path}

    def search_dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        return self._left(self._store.search_dense(vector, k + 10), k)

    def search_words(self, words: Sequence[str], k: int) -> list[tuple[str, float]]:
        return self._left(self._store.search_words(words, k + 10), k)

    def _left(self, found: list[tuple[str, float]], k: int) -> list[tuple[str, float]]:
        return [one for one in found if one[0].rsplit("-", 1)[0] not in self._hidden][:k]


class Bench:
    """The models, opened once, and the sets."""

    def __init__(self, data: Path, every: int) -> None:
        self.settings: Settings = load_settings(min_confidence=0.0)
        use_dictionary(self.settings.cache)
        self.embedder, self.reader = load_embedder(self.settings), load_reader(self.settings)
        self.data, self.every = data, every
        self.folder = self.settings.cache / "fit"

    def assistant(self, store: Store, **settings: object) -> LocalAssistant:
        return LocalAssistant(store, self.embedder, self.settings.model_copy(update=settings), reader=self.reader)

    def xquad_store(self) -> Store:
        return built([as_document(one) for one in xquad(self.data, "zh")], self.embedder, self.folder / "xquad-zh")

    def odd(self, language: str) -> list[Asked]:
        """Questions of XQuAD's odd articles in `language`; answers and paragraphs are the Chinese ones."""
        pairs = zip(xquad(self.data, language), xquad(self.data, "zh"), strict=True)
        found = [
            Asked(asked.text, gold.answer, over.name)
            for paragraph, over in pairs
            if over.part == "test"
            for asked, gold in zip(paragraph.questions, over.questions, strict=True)
        ]
        return found[:: self.every]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--every", type=int, default=1, help="ask only every N-th question")
    options.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    options.add_argument("--json", type=Path, help="write all figures there")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the data is not here; give its folder with --data.")
    bench = Bench(given.data, given.every)
    figures = {}
    for name in given.part:
        print(f"\n{name}", flush=True)
        figures[name] = PARTS[name](bench)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _show(name: str, **figures: float) -> dict[str, float]:
    print(f"  {name:<22}" + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()), flush=True)
    return figures


# --- right sentence, right words -------------------------------------------------------------------------------------


def _first_is_right(answer: Answer, one: Asked) -> bool:
    """sentence@1: the first sentence holds the answer and is cited from its document."""
    if not answer.sentences or answer.citations[0].path != one.path:
        return False
    return holds(squeeze(answer.sentences[0].text), (one.answer,))


def _measure(assistant: LocalAssistant, asked: Sequence[Asked], mode: str = "accurate") -> dict[str, float]:
    answers = [assistant.ask(one.question, mode=mode) for one in asked]
    pairs = list(zip(answers, asked, strict=True))
    return {
        "sentence@1": float(np.mean([_first_is_right(answer, one) for answer, one in pairs])),
        "document@1": float(np.mean([bool(a.citations) and a.citations[0].path == one.path for a, one in pairs])),
        "highlight_f1": float(np.mean([f1(simplify(highlighted(a)), [simplify(one.answer)]) for a, one in pairs])),
        "sentences": float(np.mean([len(answer.sentences) for answer in answers])),
    }


def languages(bench: Bench) -> dict[str, dict[str, float]]:
    assistant = bench.assistant(bench.xquad_store())
    figures = {}
    for language in LANGUAGES:
        asked = bench.odd(language) if language in ("zh", "en") else bench.odd(language)[::3]
        figures[language] = _show(language, **_measure(assistant, asked))
    others = [figures[language]["sentence@1"] for language in LANGUAGES if language not in ("zh", "en")]
    figures["other ten"] = _show("other ten", **{"sentence@1": float(np.mean(others))})
    return figures


def validation(bench: Bench) -> dict[str, float]:
    paragraphs = drcd(bench.data)
    store = built([as_document(one) for one in paragraphs], bench.embedder, bench.folder / "drcd-all")
    asked = [Asked(q.text, q.answer, one.name) for one in paragraphs if one.part == "validation" for q in one.questions]
    return _show("DRCD, a tenth", **_measure(bench.assistant(store), asked[:: bench.every]))


# --- confidence --------------------------------------------------------------------------------------------------


def risk(bench: Bench) -> dict[str, float]:
    hiding = Hiding(bench.xquad_store())
    assistant = bench.assistant(hiding)  # type: ignore[arg-type]
    right, confidence, answerable = [], [], []
    for one in bench.odd("zh"):
        for hidden in (False, True):
            hiding.hide(one.path if hidden else "")
            answer = assistant.ask(one.question)
            text = squeeze("".join(sentence.text for sentence in answer.sentences))
            right.append(not hidden and holds(text, (one.answer,)))
            confidence.append(answer.confidence)
            answerable.append(not hidden)
    threshold = load_weights().accurate.min_confidence(bench.settings.max_risk)
    shown = np.array(confidence) >= threshold
    y, p = np.array(right), np.array(confidence)
    has_answer = np.array(answerable)
    lowest = {risk: min((least for least, seen in _risks(p, y) if seen <= risk), default=2.0) for risk in RISKS}
    covered = {f"coverage_at_{risk}": float((p[has_answer] >= least).mean()) for risk, least in lowest.items()}
    return _show(
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
            bool(q.answer) and _first_is_right(answer, Asked(q.text, q.answer, path))
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
        figures[name] = _show(
            name,
            questions=int(those.sum()),
            first=first[a].mean(),
            right=(right & (p >= threshold))[a].mean(),
            **({"rejected": (p < threshold)[n].mean()} if n.any() else {}),
        )
    judged = right | ~has_answer
    covered = min((least for least, seen in _risks(p, right) if seen <= 0.1), default=2.0)
    figures["confidence"] = _show(
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
            documents, _ = documents_of(one.path, near, share)
            folder = bench.folder / "noise" / f"{share:.1f}-{number}"
            answer = bench.assistant(built(documents, bench.embedder, folder)).ask(one.question)
            kept = answer.confidence >= shown_from
            right += kept and holds(squeeze(answer.text), (one.answer,))
            rejected += not kept
        figures[f"{share:.1f}"] = _show(f"noise {share:.1f}", right=right / len(asked), rejected=rejected / len(asked))
    return figures


# --- speed ---------------------------------------------------------------------------------------------------------


def speed(bench: Bench) -> dict[str, dict[str, float]]:
    store = open_store(bench.folder / "seeds", fingerprint_of(bench.embedder), write=True)
    ingest([ROOT / "seeds"], store, bench.embedder, base=ROOT, limit_mb=20)
    lines = (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines()
    questions = [one["question"] for one in map(json.loads, lines) if one["split"] == "dev" and not one["history"]]
    assistant = bench.assistant(store)
    reference = _reference(questions)
    figures = {"reference": _show("sentence-transformers", p50=float(np.median(reference)))}
    for mode in ("fast", "accurate"):
        times = _timed(lambda question, mode=mode: assistant.ask(question, mode=mode), questions)
        p50, p95 = np.percentile(times, [50, 95])
        figures[mode] = _show(mode, p50=p50, p95=p95, ratio=p50 / float(np.median(reference)))
    return figures


def _timed(ask: Callable[[str], object], questions: Sequence[str]) -> list[float]:
    for question in questions[:5]:
        ask(question)
    times = []
    for question in questions:
        started = perf_counter()
        ask(question)
        times.append((perf_counter() - started) * 1000)
    return times


def _reference(questions: Sequence[str]) -> list[float]:
    """One encoding of each question by sentence-transformers, torch float32, on the same weights."""
    import tempfile

    from sentence_transformers import SentenceTransformer

    from rag.models.bundled import write_model_folder
    from rag.models.weights import find_weights, read_weights

    with tempfile.TemporaryDirectory() as folder:
        write_model_folder(read_weights(find_weights()), Path(folder))
        model = SentenceTransformer(folder, device="cpu")
    return _timed(lambda question: model.encode("query: " + question, normalize_embeddings=True), questions)


# --- ablation --------------------------------------------------------------------------------------------------------


def ablation(bench: Bench) -> dict[str, dict[str, float]]:
    """Even articles kept for fitting: nothing here chooses by the odd ones."""
    chinese = xquad(bench.data, "zh")
    asked = [Asked(q.text, q.answer, one.name) for one in chinese if one.part == "fit" for q in one.questions]
    asked = asked[:: bench.every]
    store = bench.xquad_store()
    bare = built([_untitled(one) for one in chinese], bench.embedder, bench.folder / "xquad-zh-untitled")
    return {
        "all": _show("all", **_measure(bench.assistant(store), asked)),
        "no context": _show("without context", **_measure(bench.assistant(bare), asked)),
        "no reader": _show("without reader", **_measure(bench.assistant(store), asked, "fast")),
    }


def _untitled(paragraph: Paragraph) -> object:
    return as_document(paragraph, titled=False)


PARTS = {
    "languages": languages,
    "validation": validation,
    "risk": risk,
    "reports": reports_kept_out,
    "noise": noise,
    "speed": speed,
    "ablation": ablation,
}

if __name__ == "__main__":
    main()
