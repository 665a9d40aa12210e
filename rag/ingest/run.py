"""Wires the way in: file -> documents -> passages -> vectors -> store, one transaction a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.documents import TEXT, DocumentReader, Limits, text_as_document
from rag.errors import FactError, PathMissingError, RagError, StoreError
from rag.ingest.passages import index_documents
from rag.ingest.plan import read_here, survey
from rag.ingest.values import Change, Found, IngestReport, Outcome, Progress
from rag.types import Embedder, Ending, Facts, Failure, IndexedDocument, Store


class Way(Protocol):
    """Who does the work of an ingest but for the writing: this process, or a cluster (`rag.ingest.cluster`)."""

    def read(self, found: Iterable[Found]) -> Iterator[tuple[Found, Outcome]]:
        """See `rag.ingest.plan.Reads`."""

    def index(self, changes: Iterable[Change], store: Store) -> Iterator[tuple[Change, Sequence[IndexedDocument]]]:
        """Each file split and embedded, in order. What `store` has embedded already is taken from it."""


def ingest(
    paths: Sequence[Path],
    store: Store,
    embedder: Embedder,
    *,
    base: Path,
    limit_mb: int,
    progress: Progress = lambda *_: None,
    fields: Mapping[str, str] | None = None,
    apart: Sequence[Path] = (),
    facts: Facts | None = None,
    gone: Sequence[str] = (),
    reader: DocumentReader | None = None,
    way: Way | None = None,
) -> IngestReport:
    """Bring `store` up to date with files and folders.

    A file that is unchanged since it was stored is left as it is; of a folder, files that are gone are removed. One
    file that cannot be read is reported and the others go on. Documents are cited relative to `base` where they lie
    under it. `fields` names the text, title and date of records; `apart` are folders that hold no documents, such as
    the store's. `facts` are said of the documents of every file; then unchanged files are stored anew, too. `gone` are
    files and folders, as they are cited, whose documents are to be removed. A `reader` that is at hand already is
    taken, with its own limits and fields; or a `way`, with its own of all that reading and embedding need. The store
    keeps account of the run. Raises PathMissingError before anything is written, and StoreError.
    """
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)
    report = IngestReport()
    with logged(store, [*map(str, paths), *gone], report):
        mine = nullcontext(way) if way else _here(reader, Limits(megabytes=limit_mb), fields, embedder, progress, facts)
        with mine as way:
            known, anew = store.sources(), facts is not None
            found = survey(paths, known, way.read, report, base=base, progress=progress, apart=apart, anew=anew)
            for change, indexed in way.index(found, store):
                store.add(change.name, indexed)
                report.took(change)
                report.passages += sum(len(one.passages) for one in indexed)
                del change, indexed  # what a long file takes is let go before the next one, and the indexes, need it
        report.removed.extend(name for name in gone if store.remove(name))
        for name in report.removed:
            store.remove(name)
        store.forget()
        progress("index", "", 0, store.passage_count())
        store.refresh()
        progress("index", "", store.passage_count(), store.passage_count())
    return report


@dataclass(frozen=True, slots=True)
class _Here:
    """In this process, one file after the other."""

    reader: DocumentReader
    embedder: Embedder
    progress: Progress
    facts: Facts | None

    def read(self, found: Iterable[Found]) -> Iterator[tuple[Found, Outcome]]:
        return read_here(self.reader, self.progress)(found)

    def index(self, changes: Iterable[Change], store: Store) -> Iterator[tuple[Change, Sequence[IndexedDocument]]]:
        for change in changes:
            documents = change.reading.documents
            told = self.facts.of(documents) if self.facts else documents
            yield change, index_documents(told, self.embedder, self.progress, store)


@contextmanager
def _here(
    reader: DocumentReader | None,
    limits: Limits,
    fields: Mapping[str, str] | None,
    embedder: Embedder,
    progress: Progress,
    facts: Facts | None,
) -> Iterator[Way]:
    opened: AbstractContextManager[DocumentReader] = nullcontext(reader) if reader else DocumentReader(limits, fields)
    with opened as one:
        yield _Here(one, embedder, progress, facts)


def add_text(text: str, store: Store, embedder: Embedder, facts: Facts) -> IngestReport:
    """Store a text under its title, or its first words, in place of the text that was stored under it.

    Raises EmptyFileError where there is no text, FactError where a file is stored under that name.
    """
    document = text_as_document(text, facts.title, facts.date, facts.metadata)
    stored = store.sources()
    held = stored.get(document.path)
    within = document.path + "/"  # of a folder or an archive, which would make way for the text
    if (held is not None and not held.startswith(TEXT)) or any(path.startswith(within) for path in stored):
        raise FactError(
            name="title",
            problem_en=f"{document.path} is a stored file or folder; give the text another title.",
            problem_zh=f"{document.path} 是已存的文件或文件夹，请换一个标题。",
        )
    (indexed,) = index_documents([document], embedder, store=store)
    store.add(document.path, [indexed])
    store.forget()
    store.refresh()
    report = IngestReport(passages=len(indexed.passages))
    (report.added if held is None else report.updated).append(document.path)
    return report


@contextmanager
def logged(store: Store, asked: Sequence[str], report: IngestReport) -> Iterator[None]:
    """Keep account in the store of the run that fills `report`: that it began, and how it ended."""
    number = store.begin_run(asked)
    ending: Ending = "done"
    failed: list[tuple[str, RagError]] = []
    try:
        yield
    except BaseException as error:
        ending = "interrupted" if isinstance(error, KeyboardInterrupt) else "broken"
        if isinstance(error, RagError):
            failed.append(("", error))
        raise
    finally:
        told = [Failure.of(path, error) for path, error in (*report.failed, *failed)]
        with nullcontext() if ending == "done" else suppress(StoreError):  # which may be what ended it
            store.end_run(number, ending, report.counts(), report.passages, told)
