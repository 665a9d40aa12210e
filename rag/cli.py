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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from rag.commands import evaluation, stored, storing
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
from rag.errors import (
    InternalError,
    OptionError,
    PathMissingError,
    PathRefusedError,
    QuestionError,
    QuestionsRefusedError,
    RagError,
)
from rag.filters import filter_of_options
from rag.server.commands import keys, serve
from rag.settings import Settings, load_settings
from rag.types import Filter

if TYPE_CHECKING:
    from rag.ingest import IngestReport
    from rag.taken import Ingest

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ask your own documents; get the exact sentences, and see where they stand.",
)
app.add_typer(stored.docs, name="docs")
app.add_typer(keys, name="keys")
app.add_typer(storing.store, name="store")
app.command()(serve)

ABSTAINED = 3


def main() -> NoReturn:
    """Run the command line; every failure leaves one line on standard error and its exit code."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rag docs list | head` ends when head does
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show Chinese shows its code points
    try:
        app()
    except RagError as error:
        _fail(error.message(language_of()), error.exit_code)
    except Exception as error:
        if os.environ.get("RAG_DEBUG"):
            raise
        told: RagError = InternalError(reason=f"{type(error).__name__}: {error}")
        if isinstance(error, OSError) and error.filename and error.strerror:
            told = PathRefusedError(path=error.filename, reason=error.strerror)
        _fail(told.message(language_of()), told.exit_code)
    sys.exit(0)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to take in: text, Office, PDF, HTML, ...")],
    store: StoreOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Empty the store, and start over with these paths.")
    ] = False,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=NAME",
            help="Of JSON records and CSV rows: text=, title=, date= the field NAME; any other: metadata.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and take in every change, until it is ended with Ctrl-C.")
    ] = False,
    ray: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Read and embed on a Ray cluster, write here: ray://HOST:PORT, HOST:PORT, auto, or local.",
        ),
    ] = "",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read, embed and store documents. Unchanged files are left as they are; files gone from a folder are removed."""
    from rag.ingest import find_files
    from rag.models import load_embedder
    from rag.progress import shown, stages_shown
    from rag.taken import Ingest, fields_of, foresee
    from rag.text import build_dictionary, use_dictionary

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a reader that dies costs its file, not the run
    if watch and dry_run:
        raise OptionError(
            name="--watch",
            problem_en="takes changes in; leave --dry-run out.",
            problem_zh="会导入变化，请去掉 --dry-run。",
        )
    if ray and (watch or dry_run):
        raise OptionError(
            name="--ray",
            problem_en="is for one run that stores; leave --watch and --dry-run out.",
            problem_zh="只用于实际写入的单次导入，请去掉 --watch 和 --dry-run。",
        )
    settings = load_settings(store=store)
    fields = fields_of(field or ())
    # a missing path is told before a model is built
    find_files(paths, settings.store.resolve().parent, (settings.store,))
    use_dictionary(settings.cache)
    if dry_run:
        with stages_shown(quiet, language_of(settings)) as stages:
            report = foresee(paths, settings, stages, fields, rebuild=rebuild)
        _tell(settings, report, None, quiet=quiet, as_json=as_json)
    else:
        with shown(quiet, language_of(settings)) as progress:
            embedder = load_embedder(settings, progress)
        build_dictionary(settings.cache)
        use_dictionary(settings.cache)
        job = Ingest(settings, embedder, fields, ray)
        if watch:
            _follow(job, paths, rebuild=rebuild, quiet=quiet, as_json=as_json)
            return
        with stages_shown(quiet, language_of(settings)) as stages:
            report, held = job.run(paths, stages, rebuild=rebuild)
        _tell(settings, report, held, quiet=quiet, as_json=as_json)
    if report.failed:
        raise typer.Exit(1)


def _tell(
    settings: Settings, report: "IngestReport", held: tuple[int, int] | None, *, quiet: bool, as_json: bool
) -> None:
    """What became of an ingest, or would become where `held` is None."""
    from rag.taken import as_dict

    language = language_of(settings)
    for _, error in report.failed:
        print(error.message(language), file=sys.stderr)
    if as_json:
        print(json.dumps(as_dict(report, held, language, dry_run=held is None), ensure_ascii=False), flush=True)
    elif not quiet:
        screen_of(settings).taken(report, held)


def _follow(job: "Ingest", paths: Sequence[Path], *, rebuild: bool, quiet: bool, as_json: bool) -> None:
    """One line a change, or of JSON a run, until a signal ends it."""
    from rag.progress import stages_shown
    from rag.watch import ended_by_signals, follow

    settings, language = job.settings, language_of(job.settings)
    held = (0, 0)
    first = True

    def take(there: Sequence[Path], gone: Sequence[str]) -> "IngestReport":
        nonlocal held
        with stages_shown(quiet, language) as stages:
            report, held = job.run(there, stages, rebuild=rebuild and first, gone=gone)
        return report

    def waiting(error: RagError) -> None:
        print(error.message(language), file=sys.stderr)

    with ended_by_signals():
        for report in follow(paths, take, base=job.base, apart=(settings.store,), waiting=waiting):
            if first or as_json:
                _tell(settings, report, held, quiet=quiet, as_json=as_json)
            else:
                for _, error in report.failed:
                    print(error.message(language), file=sys.stderr)
                if not quiet:
                    screen_of(settings).changes(report)
            if first and not quiet and not as_json:
                screen_of(settings).say("Following; end it with Ctrl-C.", "正在监视文件变化，按 Ctrl-C 结束。", "dim")
            first = False


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    batch: Annotated[Path | None, typer.Option(help="Answer every question of this Q&A set.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --batch: write one Answer a line to this file.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Passages to find. [RAG_TOP_K, default 8]")] = None,
    mode: Annotated[
        Literal["fast", "accurate"] | None,
        typer.Option(help="Without or with the reader. [RAG_MODE, accurate]"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what was retrieved, with scores and why.")] = False,
    where: WhereOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Answer a question with the exact sentences and their sources, or say that the documents do not answer it."""
    from rag.assistant import open_assistant

    settings = load_settings(store=store, top_k=top_k, mode=mode)
    filters = filter_of_options(where or (), since, until)
    if batch is not None:
        _ask_batch(settings, batch, out, filters)
        return
    if question is None:
        raise OptionError(
            name="rag ask",
            problem_en="give a question, or a set of them with --batch.",
            problem_zh="请给出问题，或用 --batch 给出一个问答集。",
        )
    if explain and as_json:
        raise OptionError(
            name="--explain", problem_en="is for reading; leave --json out.", problem_zh="供人阅读，请去掉 --json。"
        )
    assistant = open_assistant(settings)
    answer = assistant.ask(question, filters=filters)
    if as_json:
        print(answer.to_json())
    else:
        screen = screen_of(settings, question)
        screen.answer(answer)
        if explain:
            screen.explanation(assistant.explain(question, filters))
    if answer.status == "abstained":
        raise typer.Exit(ABSTAINED)


def _ask_batch(settings: Settings, batch: Path, out: Path | None, filters: Filter | None) -> None:
    """One Answer a line, in the order of the set, each with its question's id."""
    from rag.assistant import open_assistant
    from rag.evaluate import checked, open_set
    from rag.progress import shown

    if out is None:
        raise OptionError(
            name="--batch",
            problem_en="needs a file for the answers: --out FILE",
            problem_zh="还需指定写入答案的文件：--out 文件",
        )
    if not out.parent.is_dir():
        raise PathMissingError(path=out.parent)
    if out.is_dir():
        raise OptionError(
            name="--out", problem_en=f"{out} is a folder; name a file.", problem_zh=f"{out} 是文件夹，请给出文件名。"
        )
    questions = list(checked(open_set(batch)))
    assistant = open_assistant(settings)
    unfinished = out.with_name(out.name + ".part")
    refused = 0
    with shown(language=language_of(settings)) as progress, unfinished.open("w", encoding="utf-8") as file:
        for done, one in enumerate(questions, 1):
            try:
                told = dataclasses.asdict(assistant.ask(one.question, one.history, filters=filters))
            except QuestionError as error:  # too long, say: it costs itself alone
                told, refused = {"error": error.message(language_of(settings))}, refused + 1
            print(json.dumps({"id": one.id, **told}, ensure_ascii=False), file=file)
            progress(batch.name, done, len(questions))
    unfinished.replace(out)
    if refused:
        raise QuestionsRefusedError(count=refused, of=len(questions), path=out)


@app.command()
def mcp(store: StoreOption = None) -> None:
    """Offer ask and search to agents as tools, by the Model Context Protocol over standard input and output."""
    from rag.mcp import serve

    serve(load_settings(store=store))


@app.command()
def chat(
    store: StoreOption = None,
    top_k: Annotated[int | None, typer.Option(help="Passages to find. [RAG_TOP_K, default 8]")] = None,
    where: WhereOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Ask and ask further; a follow-up is read with what went before it. /new starts over, /quit ends."""
    from rag.assistant import open_assistant
    from rag.chat import chat as run

    settings = load_settings(store=store, top_k=top_k)
    filters = filter_of_options(where or (), since, until)
    run(open_assistant(settings), settings.language, filters)


app.command()(stored.verify)
app.command()(stored.backup)


@app.command()
def doctor(store: StoreOption = None) -> None:
    """Versions, model and store; what is wrong, and how to mend it."""
    from rag.doctor import examine

    settings = load_settings(store=store)
    sound = True
    for finding in examine(settings):
        sound = sound and finding.sound
        mark = "ok" if finding.sound else "!!"
        print(f"{mark:<3}{finding.what:<22}{finding.message(language_of(settings))}")
    if not sound:
        raise typer.Exit(1)


app.command("eval")(evaluation.evaluate)
app.command()(evaluation.calibrate)


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
