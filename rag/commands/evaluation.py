"""`rag eval` and `rag calibrate`: how good the answers are over a Q&A set, and the confidence fitted to it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rag.commands.options import (
    JsonOption,
    QuietOption,
    SinceOption,
    StoreOption,
    UntilOption,
    WhereOption,
    language_of,
    screen_of,
)
from rag.filters import filter_of_options
from rag.settings import load_settings


def evaluate(
    path: Annotated[Path, typer.Argument(help="A Q&A set: JSON Lines, or SQuAD-style JSON.")],
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="Ask this store, also where the set brings documents. A set that brings none asks it anyway. "
            "[RAG_STORE, default vectorstore]",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help='Only questions with this "split".')] = None,
    build: Annotated[bool, typer.Option("--build", hidden=True, help="What is done anyway, unless --store.")] = False,
    documents: Annotated[
        Path | None, typer.Option(help="The same questions in another language: paragraphs and gold come from there.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only this many questions, always the same ones.")] = None,
    where: WhereOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the report (HTML, Markdown, JSON).")] = None,
    answers: Annotated[Path | None, typer.Option(help="File for every Answer, one a line.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="--out of an earlier run, to compare with.")] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option(metavar="METRIC=VALUE", help="Exit with 1 where a metric is lower; repeatable.")
    ] = None,
    mode: Annotated[
        Literal["noise", "integration", "rejection"] | None,
        typer.Option(help="RGB-style sets: noise, integration or rejection."),
    ] = None,
    noise: Annotated[float, typer.Option(min=0.0, max=1.0, help="RGB-style sets: share of negative documents.")] = 0.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score answers, citations and abstentions over a Q&A set.

    A set that brings its own documents (SQuAD or RGB style) is asked of a store built of them; any other, of the store.
    """
    from rag.evaluate import EvaluationOptions, LocalSubjects, RgbOptions, finish, run_evaluation

    settings = load_settings(store=store)
    options = EvaluationOptions(
        path=path,
        documents=documents,
        over="set" if build else "store" if store else None,
        split=split,
        sample=sample,
        longest=settings.max_question_chars,
        filters=filter_of_options(where or (), since, until),
        out=out,
        answers=answers,
        baseline=baseline,
        rgb=RgbOptions(mode=mode, noise=noise),
        fail_under=tuple(fail_under or ()),
        language="zh" if language_of(settings) == "zh" else "en",
        quiet=quiet,
    )
    evaluation = run_evaluation(options, LocalSubjects(settings))
    raise typer.Exit(finish(evaluation, options.fail_under, as_json, options.language))


def calibrate(
    path: Annotated[Path, typer.Argument(help="A Q&A set over the stored documents, unanswerable questions with it.")],
    store: StoreOption = None,
    split: Annotated[str | None, typer.Option(help='Only questions with this "split".')] = None,
    quiet: QuietOption = False,
) -> None:
    """Fit the confidence to your own documents; RAG_MAX_RISK then holds for them. Kept in the store's folder."""
    from rag.evaluate.calibrate import calibrate_store
    from rag.progress import shown

    settings = load_settings(store=store)
    with shown(quiet, language_of(settings)) as progress:
        fitted = calibrate_store(settings, path, split, progress)
    for mode, one in fitted if not quiet else ():
        least, _, coverage = one.reached(settings.max_risk)
        screen_of(settings).say(
            f"{mode}: fitted on {one.questions} questions; from a confidence of {least:.2f} at most "
            f"{settings.max_risk:.0%} of answers are wrong, and {coverage:.0%} of questions are answered.",
            f"{mode}：依据 {one.questions} 个问题；置信度不低于 {least:.2f} 时，错误的回答不超过 "
            f"{settings.max_risk:.0%}，{coverage:.0%} 的问题得到回答。",
        )
