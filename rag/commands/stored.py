"""`rag docs`, `rag verify`, `rag backup`: what is stored. None of them loads a model."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from rag.commands.options import JsonOption, StoreOption, screen_of
from rag.errors import DocumentMissingError, RunMissingError, StoreHereOnlyError
from rag.settings import load_settings


class _Docs(TyperGroup):
    """`rag docs --log` is `rag docs log`, with all that may follow it."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        return super().parse_args(ctx, ["log", *args[1:]] if args[:1] == ["--log"] else args)


docs = typer.Typer(
    cls=_Docs, no_args_is_help=True, help="List, show or remove stored documents; the log of runs (also: --log)."
)


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
        screen_of(settings).documents(documents)


@docs.command("duplicates")
def docs_duplicates(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Documents that are nearly the same, in groups: reprints, a text recognised twice. All of them stay."""
    from rag.duplicates import near_duplicates
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        groups = near_duplicates(opened)
    if as_json:
        print(json.dumps([[dataclasses.asdict(one) for one in group] for group in groups], ensure_ascii=False))
    else:
        screen_of(settings).duplicates(groups)


@docs.command("log")
def docs_log(
    number: Annotated[int | None, typer.Argument(help="Of one run: with every file that it could not take in.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """The runs that took documents in, newest first: when, what was asked, what became of it, how it ended."""
    from rag.store import open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        runs = [run for run in opened.runs() if number in (None, run.number)]
    if number is not None and not runs:
        raise RunMissingError(number=number)
    if as_json:
        told = [dataclasses.asdict(run) for run in runs]
        print(json.dumps(told if number is None else told[0], ensure_ascii=False))
        return
    screen = screen_of(settings)
    screen.runs(runs)
    for failure in runs[0].failed if number is not None else ():
        screen.say(failure.en, failure.zh)


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
        raise DocumentMissingError(path=document)
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
        raise DocumentMissingError(path=path)
    screen_of(settings).say(f"{removed} removed.", f"已移除 {removed} 篇。")


def verify(store: StoreOption = None) -> None:
    """Check every offset, every hash and every derived index against the source of truth."""
    from rag.store import LocalStore, open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        faults = 0
        for fault in opened.verify():
            faults += 1
            print(fault)
        documents, passages = opened.document_count(), opened.passage_count()
        restored = isinstance(opened, LocalStore) and not opened.has_indexes()
    if faults:
        raise typer.Exit(1)
    screen = screen_of(settings)
    screen.say(
        f"All is well: {documents} documents, {passages} passages.",
        f"一切正常：{documents} 篇文档，{passages} 个段落。",
    )
    if restored:
        screen.say(
            "No search indexes yet: the next rag ingest or rag serve makes them, until then every command its own.",
            "检索索引尚未建立：下次 rag ingest 或 rag serve 时建立，此前每条命令自行建立。",
        )


def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")], store: StoreOption = None) -> None:
    """Write a copy of the store as of one moment, also while a server or an ingest is at work on it."""
    from rag.store import LocalStore, open_store

    settings = load_settings(store=store)
    with open_store(settings.where, None) as opened:
        if not isinstance(opened, LocalStore):
            raise StoreHereOnlyError(path=opened.path)
        opened.backup(file)
        documents = opened.document_count()
    screen_of(settings).say(f"{file}: {documents} documents.", f"{file}：{documents} 篇文档。")
