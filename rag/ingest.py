"""Wires the way in: file -> documents -> passages -> vectors -> store, one transaction a file."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rag.documents import passage_id, passage_text, read_documents, split_document, suffixes
from rag.errors import DocumentError, FormatUnknownError, PathMissingError, RagError, UsageError
from rag.text import simplify, words
from rag.types import Document, Embedder, IndexedDocument, Store, Vectors

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many); "passages" are the unit of long work."""

_SLICE = 64  # passages embedded between two reports of progress


@dataclass(slots=True)
class IngestReport:
    """What became of each file, by the path it is cited by."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, RagError]] = field(default_factory=list)
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
) -> IngestReport:
    """Bring `store` up to date with files and folders.

    A file that is unchanged since it was stored is passed over; of a folder, files that are gone are removed. One
    file that cannot be read is reported and the others go on. Documents are cited relative to `base` where they lie
    under it. Raises PathMissingError or FormatUnknownError before anything is written, and StoreError.
    """
    files = find_files(paths)
    report = IngestReport()
    known = store.sources()
    stored_as = {(sha256, Path(name).suffix.lower()): name for name, sha256 in known.items()}
    for number, file in enumerate(files):
        name = cited_path(file, base)
        progress(name, number, len(files))
        try:
            sha256 = _sha256(file)
            if known.get(name) == sha256:
                report.unchanged.append(name)
                continue
            documents = read_documents(file, name, limit_mb)
        except (DocumentError, UsageError) as error:  # usage: the file is gone since it was listed
            report.failed.append((name, error))
            continue
        twin = stored_as.get((sha256, file.suffix.lower()))
        vectors = _stored_vectors(store, twin) if twin else [None] * len(documents)
        indexed = [
            index_document(document, embedder, progress, of_twin)
            for document, of_twin in zip(documents, vectors, strict=True)
        ]
        store.add(name, indexed)
        if stored_as.get(former := (known.get(name, ""), file.suffix.lower())) == name:
            del stored_as[former]  # what this path held before is no longer stored
        report.passages += sum(len(one.passages) for one in indexed)
        (report.updated if name in known else report.added).append(name)
        stored_as[sha256, file.suffix.lower()] = name
    for name in _gone(paths, files, known, base):
        store.remove(name)
        report.removed.append(name)
    progress("", len(files), len(files))
    store.refresh()
    return report


def index_document(
    document: Document,
    embedder: Embedder,
    progress: Progress = lambda *_: None,
    vectors: tuple[Vectors, Vectors] | None = None,
) -> IndexedDocument:
    """Split and embed one document. Traditional Chinese is embedded in its simplified form, as questions are.

    `vectors`, of its passages and of its sentences, are taken as they are where they are known already.
    """
    passages, sentences = split_document(document, embedder.count_tokens, embedder.max_tokens)
    texts = [passage_text(document, passage) for passage in passages]
    spans = [document.text[sentence.start : sentence.end] for sentence in sentences]
    if vectors is None:
        both = _embed(embedder, [simplify(text) for text in [*texts, *spans]], document.path, progress)
        vectors = both[: len(texts)], both[len(texts) :]
    return IndexedDocument(
        document=document,
        passages=tuple(passages),
        sentences=tuple(sentences),
        vectors=vectors[0],
        sentence_vectors=vectors[1],
        words=tuple(tuple(words(text)) for text in texts),
    )


def _stored_vectors(store: Store, path: str) -> list[tuple[Vectors, Vectors] | None]:
    """Vectors of the passages and sentences of each document of `path`: a file of equal content has the same ones."""
    found: list[tuple[Vectors, Vectors] | None] = []
    for document in store.documents():
        if document.path == path:
            ids = [passage_id(document.id, ordinal) for ordinal in range(document.passages)]
            sentences = np.concatenate([vectors for _, vectors in store.sentences(ids)])
            found.append((store.passage_vectors(ids), sentences))
    return found


def _embed(embedder: Embedder, texts: Sequence[str], what: str, progress: Progress) -> Vectors:
    parts = [np.zeros((0, embedder.dim), dtype=np.float32)]
    for start in range(0, len(texts), _SLICE):
        parts.append(embedder.embed_passages(texts[start : start + _SLICE]))
        progress(what, min(start + _SLICE, len(texts)), len(texts))
    return np.concatenate(parts)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Files to read: those named, and those in the folders named (and below) that have a reader; each once, sorted."""
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)
        if path.is_dir():
            found.update(child for child in _walk(path) if child.suffix.lower() in suffixes())
        elif path.suffix.lower() not in suffixes():
            raise FormatUnknownError(path=path, known=" ".join(suffixes()))
        else:
            found.add(_absolute(path))
    return sorted(found)


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(_absolute(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def cited_path(file: Path, base: Path) -> str:
    """How a file is named in citations: relative to `base` where it lies under it, else absolute.

    A link keeps its own name, which is the one its user knows; only on the way to `base` links do not count.
    """
    file, base = _absolute(file), _absolute(base)
    if file.is_relative_to(base):
        return file.relative_to(base).as_posix()
    above = next((folder for folder in (file, *file.parents) if _same(folder, base)), None)
    return (file.relative_to(above) if above else file).as_posix()


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


def _gone(paths: Sequence[Path], files: Sequence[Path], known: dict[str, str], base: Path) -> list[str]:
    """Stored paths under an ingested folder whose file is no longer there."""
    present = {cited_path(file, base) for file in files}
    base = _absolute(base)
    folders = [base / cited_path(path, base) for path in paths if path.is_dir()]
    missing = (name for name in known if name not in present)
    return sorted(name for name in missing if any((base / name).is_relative_to(folder) for folder in folders))


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""  # reading it will say what is wrong
