"""Wires the way in: file -> documents -> passages -> vectors -> store, one transaction a file."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag.documents import (
    TEXT,
    DocumentReader,
    Limits,
    Reading,
    content_sha256,
    one_line,
    passage_text,
    split_document,
    text_as_document,
)
from rag.errors import FactError, PathMissingError, QASetFoundError, RagError, StoreError
from rag.text import simplify, words
from rag.types import Document, Embedder, Ending, Failure, IndexedDocument, Passage, Sentence, Store, Vectors

Stage = Literal["read", "split", "embed", "index"]
"""What is done with a file, in this order. The unit of each: files, documents of one, its texts, passages of all."""

Progress = Callable[[Stage, str, int, int], None]
"""Called with (stage, the file that is worked on or "", done so far, of how many)."""

Passed = Literal["hidden", "own", "questions"]
"""Why a file was passed over: its name or a folder's begins with a dot, it is part of the store, it is a Q&A set."""

_SLICE = 64  # passages embedded between two reports of progress
_LOOKED_UP = 4096  # texts asked for at once in the store


@dataclass(slots=True)
class IngestReport:
    """What became of each file, by the path it is cited by. Nothing that was found is missing here."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, RagError]] = field(default_factory=list)  # also files within files
    passed: list[tuple[str, Passed]] = field(default_factory=list)  # meant to be left out; a folder ends with a slash
    passages: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.added or self.updated or self.removed)

    def counts(self) -> dict[str, int]:
        """How many files of each."""
        names = ("added", "updated", "unchanged", "removed", "failed", "passed")
        return {name: len(getattr(self, name)) for name in names}


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
    facts: Callable[[Sequence[Document]], Sequence[Document]] | None = None,
    gone: Sequence[str] = (),
    reader: DocumentReader | None = None,
) -> IngestReport:
    """Bring `store` up to date with files and folders.

    A file that is unchanged since it was stored is left as it is; of a folder, files that are gone are removed. One
    file that cannot be read is reported and the others go on. Documents are cited relative to `base` where they lie
    under it. `fields` names the text, title and date of records; `apart` are folders that hold no documents, such as
    the store's. `facts` puts what is known of the documents of a file into them; then unchanged files are stored anew,
    too. `gone` are files and folders, as they are cited, whose documents are to be removed. A `reader` that is at hand
    already is taken, with its own limits and fields. The store keeps account of the run. Raises PathMissingError before
    anything is written, and StoreError.
    """
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)
    report = IngestReport()
    with logged(store, [*map(str, paths), *gone], report):
        with nullcontext(reader) if reader else DocumentReader(Limits(megabytes=limit_mb), fields) as reader:
            known, anew = store.sources(), facts is not None
            found = survey(paths, known, reader, report, base=base, progress=progress, apart=apart, anew=anew)
            for name, reading in found:
                documents = facts(reading.documents) if facts else reading.documents
                indexed = index_documents(documents, embedder, progress, store)
                store.add(name, indexed)
                report.passages += sum(len(one.passages) for one in indexed)
        report.removed.extend(name for name in gone if store.remove(name))
        for name in report.removed:
            store.remove(name)
        store.forget()
        progress("index", "", 0, store.passage_count())
        store.refresh()
        progress("index", "", store.passage_count(), store.passage_count())
    return report


def add_text(
    text: str, store: Store, embedder: Embedder, *, title: str, date: str | None, metadata: Mapping[str, str]
) -> IngestReport:
    """Store a text under its title, or its first words, in place of the text that was stored under it.

    `date` is ISO. Raises EmptyFileError where there is no text, FactError where a file is stored under that name.
    """
    document = text_as_document(text, title, date, metadata)
    held = store.sources().get(document.path)
    if held is not None and not held.startswith(TEXT):
        raise FactError(
            name="title",
            problem_en=f"{document.path} is a stored file; give the text another title.",
            problem_zh=f"{document.path} 是已存的文件，请换一个标题。",
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


def survey(
    paths: Sequence[Path],
    known: Mapping[str, str],
    reader: DocumentReader,
    report: IngestReport,
    *,
    base: Path,
    progress: Progress = lambda *_: None,
    apart: Sequence[Path] = (),
    anew: bool = False,
) -> Iterator[tuple[str, Reading]]:
    """What an ingest is to do: each file to be stored, with what was read of it; `report` is filled on the way.

    `known` says what is stored: path -> sha256; `anew`, unchanged files count as changed. Nothing is written. Raises
    PathMissingError.
    """
    files, report.passed[:] = find_files(paths, base, apart)
    stored = _by_file(known, files)
    for number, (name, file) in enumerate(files.items()):
        progress("read", name, number, len(files))
        try:
            if name in stored and not anew and stored[name] == _sha256(file, reader.fields):
                report.unchanged.append(name)
                continue
            reading = reader.read(file, name)
        except QASetFoundError:
            report.passed.append((name, "questions"))
            continue
        except RagError as error:  # of this file; one of usage: it is gone since it was listed
            report.failed.append((name, error))
            continue
        report.failed.extend((str(error.facts["path"]), error) for error in reading.failed)
        if (
            not anew and stored.get(name) == reading.documents[0].sha256
        ):  # read again for what could not be read, which still cannot
            report.unchanged.append(name)
            continue
        yield name, reading
        (report.updated if name in stored else report.added).append(name)
    folders = [PurePosixPath(cited_path(path, base)) for path in paths if path.is_dir()]
    gone = (name for name, sha256 in stored.items() if name not in files and not sha256.startswith(TEXT))
    report.removed.extend(sorted(name for name in gone if any(PurePosixPath(name).is_relative_to(f) for f in folders)))
    progress("read", "", len(files), len(files))


def _by_file(known: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    """`known` with the files within a file, which are cited as file/inner/path, under the file that holds them."""
    stored: dict[str, str] = {}
    for path, sha256 in known.items():
        above = (parent.as_posix() for parent in PurePosixPath(path).parents)
        holder = path if path in files else next((parent for parent in above if parent in files), path)
        stored[holder] = sha256
    return stored


def index_document(document: Document, embedder: Embedder) -> IndexedDocument:
    """Split and embed one document. Traditional Chinese is embedded in its simplified form, as questions are."""
    (indexed,) = index_documents([document], embedder)
    return indexed


@dataclass(frozen=True, slots=True)
class _Split:
    """A document, and the texts to be embedded for it."""

    document: Document
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]
    of_passages: tuple[str, ...]
    of_sentences: tuple[str, ...]
    words: tuple[str, ...]  # of each passage, joined by blanks

    def indexed(self, vectors: Mapping[str, "_Row"], dim: int) -> IndexedDocument:
        return IndexedDocument(
            document=self.document,
            passages=self.passages,
            sentences=self.sentences,
            vectors=_stacked(vectors, self.of_passages, dim),
            sentence_vectors=_stacked(vectors, self.of_sentences, dim),
            words=tuple(tuple(joined.split(" ")) if joined else () for joined in self.words),
            embedded=(*self.of_passages, *self.of_sentences),
        )


def index_documents(
    documents: Sequence[Document],
    embedder: Embedder,
    progress: Progress = lambda *_: None,
    store: Store | None = None,
) -> Sequence[IndexedDocument]:
    """Split and embed the documents of one file, see `index_document`.

    With a store, what is embedded there already is taken from it, and what is new put by there as it is computed.
    """
    split = []
    for done, document in enumerate(documents):
        progress("split", document.path, done, len(documents))
        split.append(_split(document, embedder))
    return _Indexed(split, _vectors(split, embedder, progress, store), embedder.dim)


class _Indexed(Sequence[IndexedDocument]):
    """Each is made when it is asked for: in a long file vectors are most of what there is, and are held once."""

    def __init__(self, split: Sequence[_Split], vectors: Mapping[str, "_Row"], dim: int) -> None:
        self._split, self._vectors, self._dim = split, vectors, dim

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, place: Any) -> Any:
        return self._split[place].indexed(self._vectors, self._dim)


def _split(document: Document, embedder: Embedder) -> _Split:
    passages, sentences = split_document(document, embedder.count_tokens, embedder.max_tokens)
    texts = [passage_text(document, passage) for passage in passages]
    return _Split(
        document=document,
        passages=tuple(passages),
        sentences=tuple(sentences),
        of_passages=tuple(simplify(text) for text in texts),
        of_sentences=tuple(simplify(document.text[sentence.start : sentence.end]) for sentence in sentences),
        words=tuple(" ".join(words(text)) for text in texts),
    )


_Row = NDArray[np.float32] | NDArray[np.float16]
"""The vector of a passage, or of a sentence, [dim]; a sentence's is in half precision, as stores keep it."""


def _vectors(split: Sequence[_Split], embedder: Embedder, progress: Progress, store: Store | None) -> dict[str, _Row]:
    """text -> its vector; a text that stands twice is embedded once."""
    of_passages = dict.fromkeys(text for one in split for text in one.of_passages)
    of_sentences = dict.fromkeys(text for one in split for text in one.of_sentences if text not in of_passages)
    found: dict[str, _Row] = {}

    def take(text: str, vector: Vectors) -> None:
        found[text] = vector if text in of_passages else vector.astype(np.float16)

    for texts, exact in ((list(of_passages), True), (list(of_sentences), False)):
        for start in range(0, len(texts) if store is not None else 0, _LOOKED_UP):
            assert store is not None
            for text, vector in store.kept(texts[start : start + _LOOKED_UP], exact=exact).items():
                take(text, vector)
    new = [text for text in (*of_passages, *of_sentences) if text not in found]
    for start in range(0, len(new), _SLICE):
        part = new[start : start + _SLICE]
        progress("embed", split[0].document.path, start, len(new))
        vectors = embedder.embed_passages(part)
        if store is not None and len(new) > _SLICE:  # else the file is stored before long
            store.keep(part, vectors)
        for text, vector in zip(part, vectors, strict=True):
            take(text, vector)
    progress("embed", split[0].document.path if split else "", len(new), len(new))
    return found


def _stacked(vectors: Mapping[str, _Row], texts: Sequence[str], dim: int) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, dim), dtype=np.float32)


def find_files(
    paths: Sequence[Path], base: Path, apart: Sequence[Path] = ()
) -> tuple[dict[str, Path], list[tuple[str, Passed]]]:
    """The files to read, by the path each is cited by, and what in the folders is passed over. Raises
    PathMissingError."""
    found: dict[str, Path] = {}
    passed: list[tuple[str, Passed]] = []
    own = {os.path.realpath(one) for one in apart}
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)
        if not path.is_dir():
            found[cited_path(path, base)] = path
            continue
        for root, folders, names in os.walk(_absolute(path)):
            for name in list(folders):
                inner = Path(root, name)
                why = _why_passed(inner, own)
                if why:
                    folders.remove(name)
                    passed.append((cited_path(inner, base) + "/", why))
            for name in names:
                file = Path(root, name)
                if name.startswith("."):
                    passed.append((cited_path(file, base), "hidden"))
                else:
                    found[cited_path(file, base)] = file
    return dict(sorted(found.items())), sorted(passed)


def passed_over(path: Path, folder: Path, apart: Sequence[Path] = ()) -> bool:
    """Whether what lies at `path` within `folder` is left out of it, for its own name or one on the way."""
    own = {os.path.realpath(one) for one in apart}
    inner = path.relative_to(folder)
    return any(_why_passed(folder / part, own) for part in (inner, *inner.parents) if part.name)


def _why_passed(path: Path, own: set[str]) -> Passed | None:
    return "own" if os.path.realpath(path) in own else "hidden" if path.name.startswith(".") else None


def cited_path(file: Path, base: Path) -> str:
    """How a file is named in citations: relative to `base` where it lies under it, else absolute; one line of
    text.

    A link keeps its own name, which is the one its user knows; only on the way to `base` links do not count.
    """
    file, base = _absolute(file), _absolute(base)
    if file.is_relative_to(base):
        return one_line(file.relative_to(base).as_posix())
    above = next((folder for folder in (file, *file.parents) if _same(folder, base)), None)
    return one_line((file.relative_to(above) if above else file).as_posix())


def _absolute(path: Path) -> Path:
    """`path` from the root, by the names it is given by. What lies before a ".." is followed: behind a link that leads
    up from where the link leads to."""
    path = path.absolute()
    if ".." not in path.parts:
        return path
    names = path.parts[::-1].index("..")  # behind the last ".."
    return path.parents[names - 1].resolve().joinpath(*path.parts[-names:]) if names else path.resolve()


def _same(folder: Path, base: Path) -> bool:
    try:
        return folder.samefile(base)
    except OSError:
        return False


def _sha256(file: Path, fields: Mapping[str, str]) -> str:
    if not file.is_file():  # reading it will say what is wrong
        return ""
    try:
        if fields:
            return content_sha256(file.read_bytes(), fields)
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
