"""The command line: rag ingest, ask, chat, serve, keys, mcp, docs, verify, backup, store, doctor, eval, calibrate.

Exit codes: 0 answered or done, 1 failure, 2 wrong usage, 3 abstained. Results go to standard output; progress and
messages to standard error. Heavy imports wait until a command needs them: `rag docs` loads no model.
"""

import dataclasses
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from rag.errors import PathMissingError, RagError
from rag.server.commands import keys, serve
from rag.settings import Settings, load_settings
from rag.storing import store

if TYPE_CHECKING:
    from rag.console import Screen

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ask your own documents; get the exact sentences, and see where they stand.",
)
docs = typer.Typer(no_args_is_help=True, help="List, show or remove stored documents.")
app.add_typer(docs, name="docs")
app.add_typer(keys, name="keys")
app.add_typer(store, name="store")
app.command()(serve)

ABSTAINED = 3

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Folder of the store, or milvus://HOST:PORT. [RAG_STORE, default vectorstore]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]


def main() -> NoReturn:
    """Run the command line; every failure leaves one line on standard error and its exit code."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rag docs list | head` ends when head does
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show Chinese shows its code points
    try:
        app()
    except RagError as error:
        _fail(error.message(_language()), error.exit_code)
    except Exception as error:
        if os.environ.get("RAG_DEBUG"):
            raise
        _fail(f"Internal error ({type(error).__name__}: {error}). Run again with RAG_DEBUG=1 for details.", 1)
    sys.exit(0)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to take in: text, Office, PDF, HTML, ...")],
    store: StoreOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start the store over, with the present settings.")
    ] = False,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=NAME", help="Of JSON records and CSV rows: text=, title= or date= the field NAME."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read, embed and store documents. Unchanged files are left as they are; files gone from a folder are removed."""
    from rag.assistant import fingerprint_of
    from rag.ingest import find_files
    from rag.ingest import ingest as run
    from rag.models import load_embedder
    from rag.progress import shown
    from rag.store import open_store
    from rag.taken import as_dict, fields_of, foresee
    from rag.text import build_dictionary, use_dictionary

    settings = load_settings(store=store)
    fields = fields_of(field or ())
    base, apart = settings.store.resolve().parent, (settings.store,)
    find_files(paths, base, apart)  # a missing path is told before a model is built
    use_dictionary(settings.cache)
    with shown(quiet) as progress:
        if dry_run:
            report, held = foresee(paths, settings, progress, fields, rebuild=rebuild), None
        else:
            embedder = load_embedder(settings, progress)
            build_dictionary(settings.cache)
            use_dictionary(settings.cache)
            with open_store(settings.where, fingerprint_of(embedder), write=True, rebuild=rebuild) as opened:
                limit = settings.max_file_mb
                report = run(
                    paths, opened, embedder, base=base, limit_mb=limit, progress=progress, fields=fields, apart=apart
                )
                held = opened.document_count(), opened.passage_count()
    language = _language(settings)
    for _, error in report.failed:
        print(error.message(language), file=sys.stderr)
    if as_json:
        print(json.dumps(as_dict(report, held, language, dry_run=dry_run), ensure_ascii=False))
    elif not quiet:
        _screen(settings).taken(report, held)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    batch: Annotated[Path | None, typer.Option(help="Answer every question of this Q&A set.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --batch: write one Answer a line to this file.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Passages to read. [RAG_TOP_K, default 8]")] = None,
    mode: Annotated[
        Literal["fast", "accurate"] | None,
        typer.Option(help="Without or with the reader. [RAG_MODE, accurate]"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what was retrieved, with scores and why.")] = False,
) -> None:
    """Answer a question with the exact sentences and their sources, or say that the documents do not answer it."""
    from rag.assistant import open_assistant

    settings = load_settings(store=store, top_k=top_k, mode=mode)
    if batch is not None:
        _ask_batch(settings, batch, out)
        return
    if question is None:
        raise typer.BadParameter("give a question, or a set of them with --batch.")
    if explain and as_json:
        raise typer.BadParameter("--explain is for reading; leave --json out.")
    assistant = open_assistant(settings)
    answer = assistant.ask(question)
    if as_json:
        print(answer.to_json())
    else:
        screen = _screen(settings, question)
        screen.answer(answer)
        if explain:
            screen.explanation(assistant.explain(question))
    if answer.status == "abstained":
        raise typer.Exit(ABSTAINED)


def _ask_batch(settings: Settings, batch: Path, out: Path | None) -> None:
    """One Answer a line, in the order of the set, each with its question's id."""
    from rag.assistant import open_assistant
    from rag.evaluate import checked, open_set
    from rag.progress import shown

    if out is None:
        raise typer.BadParameter("--batch needs --out.")
    if not out.parent.is_dir():
        raise PathMissingError(path=out.parent)
    if out.is_dir():
        raise typer.BadParameter(f"{out} is a folder; --out names a file.")
    questions = list(checked(open_set(batch)))
    assistant = open_assistant(settings)
    unfinished = out.with_name(out.name + ".part")
    with shown() as progress, unfinished.open("w", encoding="utf-8") as file:
        for done, one in enumerate(questions, 1):
            answer = assistant.ask(one.question, one.history)
            print(json.dumps({"id": one.id, **dataclasses.asdict(answer)}, ensure_ascii=False), file=file)
            progress(batch.name, done, len(questions))
    unfinished.replace(out)


@app.command()
def mcp(store: StoreOption = None) -> None:
    """Offer ask and search to agents as tools, by the Model Context Protocol over standard input and output."""
    from rag.mcp import serve

    serve(load_settings(store=store))


@app.command()
def chat(
    store: StoreOption = None,
    top_k: Annotated[int | None, typer.Option(help="Passages to read. [RAG_TOP_K, default 8]")] = None,
) -> None:
    """Ask and ask further; a follow-up is read with what went before it. /new starts over, /quit ends."""
    from rag.assistant import open_assistant
    from rag.chat import chat as run

    settings = load_settings(store=store, top_k=top_k)
    run(open_assistant(settings), settings.language)


@docs.command("list")
def docs_list(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """The stored documents, by path."""
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        documents = opened.documents()
    if as_json:
        print(json.dumps([dataclasses.asdict(document) for document in documents], ensure_ascii=False))
    else:
        _screen(settings).documents(documents)


@docs.command("show")
def docs_show(
    document: Annotated[str, typer.Argument(help="Id (or path) of a document.")], store: StoreOption = None
) -> None:
    """The canonical text of a document, which all offsets count in."""
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        wanted = [d.id for d in opened.documents() if document in (d.id, d.path)]
        texts = [found.text for one in wanted if (found := opened.document(one))]
    if not texts:
        raise PathMissingError(path=document)
    print("\n\n".join(texts))


@docs.command("remove")
def docs_remove(
    path: Annotated[str, typer.Argument(help="Path of a document, as `rag docs list` shows it.")],
    store: StoreOption = None,
) -> None:
    """Remove what was stored of a file. The file itself is left alone."""
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None, write=True) as opened:
        removed = opened.remove(path)
        opened.refresh()
    if not removed:
        raise PathMissingError(path=path)
    _screen(settings).say(f"{removed} removed.", f"已移除 {removed} 篇。")


@app.command()
def verify(store: StoreOption = None) -> None:
    """Check every offset, every hash and every derived index against the source of truth."""
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        faults = 0
        for fault in opened.verify():
            faults += 1
            print(fault)
        documents, passages = opened.document_count(), opened.passage_count()
    if faults:
        raise typer.Exit(1)
    _screen(settings).say(
        f"All is well: {documents} documents, {passages} passages.",
        f"一切正常：{documents} 篇文档，{passages} 个段落。",
    )


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")], store: StoreOption = None) -> None:
    """Write a copy of the store as of one moment, also while a server or an ingest is at work on it."""
    from rag.errors import StoreHereOnlyError
    from rag.store import LocalStore, open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        if not isinstance(opened, LocalStore):
            raise StoreHereOnlyError(path=opened.path)
        opened.backup(file)
        documents = opened.document_count()
    _screen(settings).say(f"{file}: {documents} documents.", f"{file}：{documents} 篇文档。")


@app.command()
def doctor(store: StoreOption = None) -> None:
    """Versions, model and store; what is wrong, and how to mend it."""
    from rag.doctor import examine

    settings = load_settings(store=store)
    sound = True
    for finding in examine(settings):
        sound = sound and finding.sound
        mark = "ok" if finding.sound else "!!"
        print(f"{mark:<3}{finding.what:<22}{finding.message(_language(settings))}")
    if not sound:
        raise typer.Exit(1)


@app.command("eval")
def evaluate(
    path: Annotated[Path, typer.Argument(help="A Q&A set: JSON Lines, or SQuAD-style JSON.")],
    store: Annotated[
        Path | None,
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
    sample: Annotated[int | None, typer.Option(help="Only this many questions, always the same ones.")] = None,
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
        out=out,
        answers=answers,
        baseline=baseline,
        rgb=RgbOptions(mode=mode, noise=noise),
        fail_under=tuple(fail_under or ()),
        language="zh" if _language(settings) == "zh" else "en",
        quiet=quiet,
    )
    evaluation = run_evaluation(options, LocalSubjects(settings))
    raise typer.Exit(finish(evaluation, options.fail_under, as_json, options.language))


@app.command()
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
    with shown(quiet) as progress:
        fitted = calibrate_store(settings, path, split, progress)
    for mode, one in fitted if not quiet else ():
        least, _, coverage = one.reached(settings.max_risk)
        _screen(settings).say(
            f"{mode}: fitted on {one.questions} questions; from a confidence of {least:.2f} at most "
            f"{settings.max_risk:.0%} of answers are wrong, and {coverage:.0%} of questions are answered.",
            f"{mode}：依据 {one.questions} 个问题；置信度不低于 {least:.2f} 时，错误的回答不超过 "
            f"{settings.max_risk:.0%}，{coverage:.0%} 的问题得到回答。",
        )


def _screen(settings: Settings, question: str = "") -> "Screen":
    from rag.console import Screen, message_language

    return Screen(message_language(settings.language, question))


def _language(settings: Settings | None = None) -> str:
    from rag.console import message_language

    return message_language(settings.language if settings else os.environ.get("RAG_LANGUAGE", "auto"))


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
