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
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from rag.models.extra import models_or_exit

models_or_exit("scripts.measure.reading")

import numpy as np

from rag.assistant import LocalAssistant, fingerprint_of
from rag.evaluate.cmrc import f1
from rag.evaluate.metrics import highlighted
from rag.ingest import ingest
from rag.store import open_store
from rag.text import simplify
from rag.types import Document, Mode
from scripts.corpora import DATA, LANGUAGES, ROOT, Asked, Paragraph, as_document, built, drcd, xquad
from scripts.measure.bench import Bench, first_is_right, show
from scripts.measure.knowing import noise, reports_kept_out, risk


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


# --- right sentence, right words -------------------------------------------------------------------------------------


def _measure(assistant: LocalAssistant, asked: Sequence[Asked], mode: Mode = "accurate") -> dict[str, float]:
    answers = [assistant.ask(one.question, mode=mode) for one in asked]
    pairs = list(zip(answers, asked, strict=True))
    return {
        "sentence@1": float(np.mean([first_is_right(answer, one) for answer, one in pairs])),
        "document@1": float(np.mean([bool(a.citations) and a.citations[0].path in one.paths for a, one in pairs])),
        "highlight_f1": float(np.mean([f1(simplify(highlighted(a)), [simplify(one.answers[0])]) for a, one in pairs])),
        "sentences": float(np.mean([len(answer.sentences) for answer in answers])),
    }


def languages(bench: Bench) -> dict[str, dict[str, float]]:
    assistant = bench.assistant(bench.xquad_store())
    figures = {}
    for language in LANGUAGES:
        asked = bench.odd(language) if language in ("zh", "en") else bench.odd(language)[::3]
        figures[language] = show(language, **_measure(assistant, asked))
    others = [figures[language]["sentence@1"] for language in LANGUAGES if language not in ("zh", "en")]
    figures["other ten"] = show("other ten", **{"sentence@1": float(np.mean(others))})
    return figures


def validation(bench: Bench) -> dict[str, float]:
    paragraphs = drcd(bench.data)
    store = built([as_document(one) for one in paragraphs], bench.embedder, bench.folder / "drcd-all")
    asked = [
        Asked(q.text, (q.answer,), (one.name,)) for one in paragraphs if one.part == "validation" for q in one.questions
    ]
    return show("DRCD, a tenth", **_measure(bench.assistant(store), asked[:: bench.every]))


# --- speed ---------------------------------------------------------------------------------------------------------


def speed(bench: Bench) -> dict[str, dict[str, float]]:
    store = open_store(bench.folder / "seeds", fingerprint_of(bench.embedder), write=True)
    ingest([ROOT / "seeds"], store, bench.embedder, base=ROOT, limit_mb=20)
    lines = (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines()
    questions = [one["question"] for one in map(json.loads, lines) if one["split"] == "dev" and not one["history"]]
    assistant = bench.assistant(store)
    reference = _reference(questions)
    figures = {"reference": show("sentence-transformers", p50=float(np.median(reference)))}
    modes: tuple[Mode, ...] = ("fast", "accurate")
    for mode in modes:
        times = _timed(partial(assistant.ask, mode=mode), questions)
        p50, p95 = np.percentile(times, [50, 95])
        figures[mode] = show(mode, p50=p50, p95=p95, ratio=p50 / float(np.median(reference)))
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
    asked = [Asked(q.text, (q.answer,), (one.name,)) for one in chinese if one.part == "fit" for q in one.questions]
    asked = asked[:: bench.every]
    store = bench.xquad_store()
    bare = built([_untitled(one) for one in chinese], bench.embedder, bench.folder / "xquad-zh-untitled")
    return {
        "all": show("all", **_measure(bench.assistant(store), asked)),
        "no context": show("without context", **_measure(bench.assistant(bare), asked)),
        "no reader": show("without reader", **_measure(bench.assistant(store), asked, "fast")),
    }


def _untitled(paragraph: Paragraph) -> Document:
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
