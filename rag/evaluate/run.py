"""Run a Q&A set through an assistant: the main entry of the evaluation.

    set -> store (of its own documents, else the current one) -> check -> ask, search -> score -> Evaluation

For all questions together only numbers and ids are kept; what belongs to one question goes to the files as it comes.
"""

import json
import os
import platform
import random
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Literal, Protocol

from rag.errors import OptionError, QASetError, SettingError
from rag.evaluate.compare import compare, load_run
from rag.evaluate.formats import RgbOptions
from rag.evaluate.library import Library, Shelf
from rag.evaluate.metrics import CUTOFFS, Ranking
from rag.evaluate.outcome import Outcome
from rag.evaluate.questions import Bundle, QASet, Question, SourceDocument
from rag.evaluate.report import write_report
from rag.evaluate.result import QUESTIONS_FILE, Evaluation, Scoreboard, parse_floor
from rag.evaluate.scoring import add_retrieval, score
from rag.evaluate.sets import check_against, checked, open_set
from rag.evaluate.statistics import RESAMPLES
from rag.progress import Report, shown
from rag.types import Answer, Asks, DocumentSummary, Filter, Hit
from rag.types.filters import described

_BATCH = 64  # outcomes held before they are written

Write = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What to evaluate, and where to leave what comes of it. Nothing is written where no path is given."""

    path: Path  # the Q&A set
    documents: Path | None = None  # the same SQuAD-style questions in another language: paragraphs and gold from there
    over: Literal["set", "store"] | None = None  # whose documents to ask; None: the set's own, where it brings some
    split: str | None = None  # only questions of this split
    longest: int | None = None  # characters of a question; one that is longer ends it before any is asked
    sample: int | None = None  # that many questions drawn at random, the same ones every time
    filters: Filter | None = None  # only such documents of the store are asked
    rgb: RgbOptions = field(default_factory=RgbOptions)
    out: Path | None = None  # folder for report.html, summary.md, metrics.json and questions.jsonl
    answers: Path | None = None  # file for every Answer, one a line
    baseline: Path | None = None  # `out` of an earlier run, to compare with in the report; may be `out` itself
    fail_under: tuple[
        str, ...
    ] = ()  # METRIC=VALUE, checked before any question is asked; `finish` holds the run to them
    resamples: int = RESAMPLES
    language: Literal["en", "zh"] = "en"  # of the report
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: an assistant, and the documents it answers from. Closed when the run is done with it."""

    assistant: Asks
    library: Library
    store: str  # folder, as the report names it
    close: Callable[[], None] = lambda: None


class SubjectFactory(Protocol):
    """Gives the evaluation what it evaluates."""

    def open(self) -> Subject:
        """Over the current store. Raises StoreError."""

    def build(self, documents: Sequence[SourceDocument], key: str, report: Report) -> Subject:
        """Over a store that holds exactly `documents`, each as one Document whose path is its `name`, or ends in it.

        `key` is a hash of the documents: a store built for the same key may be used again.
        """


SubjectFor = Callable[[Bundle], AbstractContextManager[Subject]]


def run_evaluation(options: EvaluationOptions, factory: SubjectFactory) -> Evaluation:
    """Ask every question of the set, score the answers, write what `options` asks for.

    Raises QASetError before the first question is asked where the set breaks its format, SettingError and OptionError
    where options do not go together, and whatever the factory and the assistant raise.
    """
    for floor in options.fail_under:
        parse_floor(floor)
    qa_set = _open(options)
    earlier = load_run(options.baseline) if options.baseline else None
    board, started = Scoreboard(), time.monotonic()
    only = described(options.filters) if options.filters else ""
    with ExitStack() as stack:
        report = stack.enter_context(shown(options.quiet, options.language))
        built = qa_set.own_documents and options.over != "store"
        if built:
            store = (options.documents or options.path).name
            chosen = _choose(qa_set, options)
            subjects = _built(factory, report)
        else:
            current = stack.enter_context(closing(factory.open()))
            store = current.store
            check_against(qa_set, Shelf(current.library))
            chosen = _choose(qa_set, options)
            subjects = _only(current)
        write_answer = stack.enter_context(_json_lines(options.answers))
        write_outcome = stack.enter_context(_json_lines(options.out and options.out / QUESTIONS_FILE))
        scored = stack.enter_context(
            closing(_scored(_bundles(qa_set, chosen), subjects, board.opened, write_answer, options.filters))
        )
        done = 0
        while batch := list(islice(scored, _BATCH)):
            for outcome in add_retrieval(batch):
                board.add(outcome)
                write_outcome(asdict(outcome))
            done += len(batch)
            report(qa_set.name, done, len(chosen))
    facts = _facts(options, time.monotonic() - started)
    evaluation = board.summarise(qa_set.name, board.asked(store, built, only), facts, options.resamples)
    if options.out:
        comparison = compare(earlier, load_run(options.out), options.resamples) if earlier else None
        write_report(evaluation, options.out, comparison, options.language)
    return evaluation


# --- which questions ---------------------------------------------------------------------------------------------


def _open(options: EvaluationOptions) -> QASet:
    qa_set = open_set(options.path, options.documents, options.rgb)
    if options.over == "set" and not qa_set.own_documents:
        raise SettingError(
            name="--build",
            problem_en=f"{options.path} brings no documents to build a store from; leave --build out.",
            problem_zh=f"{options.path} 不带文档，无法建库，请去掉 --build。",
        )
    if options.filters and qa_set.own_documents and options.over != "store":
        raise OptionError(
            name="--where",
            problem_en=f"{options.path} brings its own documents; only a store can be filtered: add --store.",
            problem_zh=f"{options.path} 自带文档，只有文档库才能筛选，请加上 --store。",
        )
    if qa_set.own_documents and options.over == "store":
        return replace(qa_set, read=lambda: map(_anywhere, qa_set.read()))
    return qa_set


def _anywhere(bundle: Bundle) -> Bundle:
    """Asked of a store that knows nothing of the set's own documents: the gold answer counts wherever it stands."""
    return Bundle((), (replace(question, documents=(), spans=()) for question in bundle.questions))


def _choose(qa_set: QASet, options: EvaluationOptions) -> Collection[int]:
    """Places in the set of the questions to ask. Reads all of it, so that a broken line shows before any is asked."""
    places = [
        place
        for place, question in enumerate(checked(qa_set, options.longest))
        if options.split is None or question.split == options.split
    ]
    if not places:
        english, chinese = (
            (f' with "split": "{options.split}"', f"“split”为“{options.split}”的") if options.split else ("", "")
        )
        raise QASetError(
            path=options.path,
            line=1,
            problem_en=f"there is no question{english} in this set.",
            problem_zh=f"这个问答集里没有{chinese}问题。",
        )
    if options.sample is not None and options.sample < len(places):
        places = random.Random(0).sample(places, options.sample)
    return frozenset(places)


def _bundles(qa_set: QASet, chosen: Collection[int]) -> Iterator[tuple[Bundle, Iterator[Question]]]:
    """Each bundle with its chosen questions. One bundle's questions are read before the next bundle is."""
    places = count()
    for bundle in qa_set.read():
        yield bundle, (question for question in bundle.questions if next(places) in chosen)


# --- asking ------------------------------------------------------------------------------------------------------


def _only(subject: Subject) -> SubjectFor:
    return lambda bundle: nullcontext(subject)


def _built(factory: SubjectFactory, report: Report) -> SubjectFor:
    return lambda bundle: closing(factory.build(bundle.documents, bundle.key, report))


def _scored(
    bundles: Iterator[tuple[Bundle, Iterator[Question]]],
    subject_for: SubjectFor,
    opened: Callable[[Sequence[DocumentSummary]], None],
    write_answer: Write,
    filters: Filter | None,
) -> Generator[tuple[Outcome, Ranking | None]]:
    warm = False
    for bundle, questions in bundles:
        first = next(questions, None)
        if first is None:
            continue  # none of its questions was chosen: no store to build
        with subject_for(bundle) as subject:
            shelf = Shelf(subject.library)
            opened(shelf.summaries)
            if not warm:
                # models load on first use: not this question's time
                subject.assistant.ask(first.question, first.history, filters=filters)
                warm = True
            for question in chain((first,), questions):
                answer, hits = _ask(subject.assistant, question, filters)
                write_answer({"id": question.id, **asdict(answer)})
                yield score(question, answer, hits, shelf)


def _ask(assistant: Asks, question: Question, filters: Filter | None) -> tuple[Answer, Sequence[Hit]]:
    """The answer, with the time it took as a stage of its own, and the passages found for it."""
    begun = time.perf_counter()
    answer = assistant.ask(question.question, question.history, filters=filters)
    total = (time.perf_counter() - begun) * 1000
    hits = assistant.search(answer.standalone_question or question.question, max(CUTOFFS), filters)
    return replace(answer, timings_ms={**answer.timings_ms, "total": total}), hits


@contextmanager
def _json_lines(path: Path | None) -> Iterator[Write]:
    """Writes one object a line to `path`, which is only there once the block ended well; nowhere where it is None."""
    if path is None:
        yield lambda value: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8") as file:
        yield lambda value: print(json.dumps(value, ensure_ascii=False), file=file)
    unfinished.replace(path)


# --- the run itself ----------------------------------------------------------------------------------------------


def _facts(options: EvaluationOptions, seconds: float) -> dict[str, str]:
    """When, where and with what the run was made: enough to make it again. Options that are not set are left out."""
    options_set: Mapping[str, object] = {
        "documents": options.documents and options.documents.name,
        "split": options.split,
        "sample": options.sample,
        "rgb": options.rgb if options.rgb != RgbOptions() else None,
    }
    return {
        "set": options.path.name,
        **{name: str(value) for name, value in options_set.items() if value is not None},
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": f"{seconds:.1f}",
        "python": platform.python_version(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
    }


def _processor() -> str:
    """The processor's name: Linux tells it only in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
