"""Wires the way in: file -> documents -> passages -> vectors -> store, one transaction a file."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from rag.documents import (
    DocumentReader,
    Limits,
    Reading,
    content_sha256,
    one_line,
    passage_text,
    split_document,
)
from rag.errors import PathMissingError, QASetFoundError, RagError
from rag.text import simplify, words
from rag.types import Document, Embedder, IndexedDocument, Store, Vectors

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many); "passages" are the unit of long work."""

Passed = Literal["hidden", "own", "questions"]
"""Why a file was passed over: its name or a folder's begins with a dot, it is part of the store, it is a Q&A set."""

_SLICE = 64  # passages embedded between two reports of progress


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
    reader: DocumentReader | None = None,
) -> IngestReport:
    """Bring `store` up to date with files and folders.

    A file that is unchanged since it was stored is left as it is; of a folder, files that are gone are removed. One
    file that cannot be read is reported and the others go on. Documents are cited relative to `base` where they lie
    under it. `fields` names the text, title and date of records; `apart` are folders that hold no documents, such as
    the store's; a `reader` that is at hand already is taken, with its own limits and fields. Raises PathMissingError
    before anything is written, and StoreError.
    """
    with nullcontext(reader) if reader else DocumentReader(Limits(megabytes=limit_mb), fields) as reader:
        report = IngestReport()
        for name, reading in survey(paths, store.sources(), reader, report, base=base, progress=progress, apart=apart):
            indexed = [index_document(document, embedder, progress, store) for document in reading.documents]
            store.add(name, indexed)
            report.passages += sum(len(one.passages) for one in indexed)
        for name in report.removed:
            store.remove(name)
    store.forget()
    store.refresh()
    return report


def survey(
    paths: Sequence[Path],
    known: Mapping[str, str],
    reader: DocumentReader,
    report: IngestReport,
    *,
    base: Path,
    progress: Progress = lambda *_: None,
    apart: Sequence[Path] = (),
) -> Iterator[tuple[str, Reading]]:
    """What an ingest is to do: each file to be stored, with what was read of it; `report` is filled on the way.

    `known` says what is stored: path -> sha256. Nothing is written. Raises PathMissingError.
    """
    files, report.passed[:] = find_files(paths, base, apart)
    stored = _by_file(known, files)
    for number, (name, file) in enumerate(files.items()):
        progress(name, number, len(files))
        try:
            if name in stored and stored[name] == _sha256(file, reader.fields):
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
        if stored.get(name) == reading.documents[0].sha256:  # read again for what could not be read, which still cannot
            report.unchanged.append(name)
            continue
        yield name, reading
        (report.updated if name in stored else report.added).append(name)
    folders = [PurePosixPath(cited_path(path, base)) for path in paths if path.is_dir()]
    gone = (name for name in stored if name not in files)
    report.removed.extend(sorted(name for name in gone if any(PurePosixPath(name).is_relative_to(f) for f in folders)))
    progress("", len(files), len(files))


def _by_file(known: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    """`known` with the files within a file, which are cited as file/inner/path, under the file that holds them."""
    stored: dict[str, str] = {}
    for path, sha256 in known.items():
        above = (parent.as_posix() for parent in PurePosixPath(path).parents)
        holder = path if path in files else next((parent for parent in above if parent in files), path)
        stored[holder] = sha256
    return stored


def index_document(
    document: Document, embedder: Embedder, progress: Progress = lambda *_: None, store: Store | None = None
) -> IndexedDocument:
    """Split and embed one document. Traditional Chinese is embedded in its simplified form, as questions are.

    With a store, what is embedded there already is taken from it, and what is new put by there as it is computed.
    """
    passages, sentences = split_document(document, embedder.count_tokens, embedder.max_tokens)
    texts = [passage_text(document, passage) for passage in passages]
    of_passages = [simplify(text) for text in texts]
    of_sentences = [simplify(document.text[sentence.start : sentence.end]) for sentence in sentences]
    vectors = _vectors(of_passages, of_sentences, embedder, document.path, progress, store)
    return IndexedDocument(
        document=document,
        passages=tuple(passages),
        sentences=tuple(sentences),
        vectors=_stacked(vectors, of_passages, embedder.dim),
        sentence_vectors=_stacked(vectors, of_sentences, embedder.dim),
        words=tuple(tuple(words(text)) for text in texts),
        embedded=(*of_passages, *of_sentences),
    )


def _vectors(
    of_passages: Sequence[str],
    of_sentences: Sequence[str],
    embedder: Embedder,
    what: str,
    progress: Progress,
    store: Store | None,
) -> dict[str, Vectors]:
    """text -> its vector [dim]; a text that stands twice is embedded once."""
    wanted = list(dict.fromkeys([*of_passages, *of_sentences]))
    found: dict[str, Vectors] = {}
    if store is not None:
        passages = set(of_passages)
        found = store.kept(list(passages), exact=True)
        found |= store.kept([text for text in wanted if text not in passages], exact=False)
    new = [text for text in wanted if text not in found]
    for start in range(0, len(new), _SLICE):
        part = new[start : start + _SLICE]
        vectors = embedder.embed_passages(part)
        if store is not None:
            store.keep(part, vectors)
        found.update(zip(part, vectors, strict=True))
        progress(what, start + len(part), len(new))
    return found


def _stacked(vectors: Mapping[str, Vectors], texts: Sequence[str], dim: int) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows) if rows else np.zeros((0, dim), dtype=np.float32)


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
                why: Passed | None = "own" if os.path.realpath(inner) in own else "hidden" if name[0] == "." else None
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
