"""Files that come in over HTTP: what they are called here, and their way into the store."""

import errno
import os
import shutil
import time
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import regex
from pathvalidate import sanitize_filename

from rag.assistant import fingerprint_of
from rag.documents import DocumentReader, Limits
from rag.errors import DocumentError, FactError
from rag.ingest import Progress, cited_path, ingest
from rag.server.refusals import NotFoundError, SpaceError, UnprocessableError
from rag.server.settings import ServerSettings
from rag.store import open_store
from rag.types import DocumentSummary, Embedder, Facts

_UNSEEN = regex.compile(r"\p{C}+")  # control and format characters, lone surrogates
_STAGING = ".incoming"  # within the folder of uploads, so that a file is moved in one step; `rag ingest` passes it over
_LONGEST_SUFFIX = 10
_LONGEST = 200  # bytes of a file name; most systems allow 255
_STALE = 86_400  # seconds


@dataclass(slots=True)
class IngestOutcome:
    """What became of an upload, by the path that each file is cited by."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # path -> why, one line
    documents: list[DocumentSummary] = field(default_factory=list)  # that the files hold


def safe_name(given: str) -> str:
    """A file name that stays in its folder and can be shown anywhere. Raises UnprocessableError.

    >>> safe_name("../../etc/报告<1>.txt")
    '报告_1_.txt'
    """
    base = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    base = _UNSEEN.sub("", base).strip(" .")
    suffix = Path(base).suffix if len(Path(base).suffix) <= _LONGEST_SUFFIX else ""
    stem = base.removesuffix(suffix).encode()[:_LONGEST].decode(errors="ignore").strip(" .")
    if not stem:
        raise UnprocessableError(problem_en="A file has no name.", problem_zh="有文件没有名称。")
    return sanitize_filename(stem + suffix, replacement_text="_")


class Uploads:
    """The folder of uploaded files. All but `stage` and `discard` are called by the one thread that writes."""

    def __init__(self, settings: ServerSettings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._folder = settings.uploads
        self._base = settings.store.resolve().parent

    def clear(self) -> None:
        """Remove what uploads that were cut short left behind."""
        for left in (self._folder / _STAGING).glob("*"):
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)

    def stage(self, files: Iterable[tuple[str, BinaryIO]]) -> Path:
        """Write files, by their safe names, to a folder of their own; synced to the disk. Raises SpaceError."""
        folder = self._folder / _STAGING / uuid.uuid4().hex
        try:
            folder.mkdir(parents=True)
            for name, source in files:
                with (folder / name).open("xb") as target:
                    shutil.copyfileobj(source, target)
                    target.flush()
                    os.fsync(target.fileno())
        except OSError as error:
            self.discard(folder)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SpaceError() from None
            raise
        return folder

    def discard(self, staged: Path) -> None:
        """Of files that are not to be taken in."""
        shutil.rmtree(staged, ignore_errors=True)

    def take_in(self, staged: Path, progress: Progress, language: str, facts: Facts | None) -> IngestOutcome:
        """Move staged files into the folder, in place of those of the same names, and ingest them; `facts` are said of
        their documents.

        A file that cannot be read is reported, in `language` ("zh" or "en"), and leaves what was there as it was.
        Raises StoreError.
        """
        outcome = IngestOutcome()
        limit = self._settings.max_file_mb
        try:
            with (
                open_store(self._settings.where, fingerprint_of(self._embedder), write=True) as store,
                DocumentReader(Limits(megabytes=limit), keep=True) as reader,
            ):
                files = []
                waiting = sorted(staged.iterdir())
                for number, file in enumerate(waiting):
                    target = self._folder / file.name
                    name = cited_path(target, self._base)
                    progress("read", name, number, len(waiting))
                    try:
                        reading = reader.read(file, name)
                        if facts:
                            facts.of(reading.documents)
                    except (DocumentError, FactError) as error:
                        outcome.failed[name] = error.message(language)
                        continue
                    file.replace(target)
                    files.append(target)
                report = ingest(
                    files,
                    store,
                    self._embedder,
                    base=self._base,
                    limit_mb=limit,
                    progress=progress,
                    reader=reader,
                    facts=facts,
                )
                outcome.failed |= {name: error.message(language) for name, error in report.failed}
                held = [cited_path(file, self._base) for file in files]
                within = tuple(f"{name}/" for name in held)
                outcome.documents = [d for d in store.documents() if d.path in held or d.path.startswith(within)]
        finally:
            self.discard(staged)
        outcome.added, outcome.updated, outcome.unchanged = report.added, report.updated, report.unchanged
        return outcome

    def file_of(self, path: str) -> str:
        """The path of the uploaded file that holds the document of `path`: a file within it goes with it."""
        inside = (self._base / path).parts[len(self._folder.parts) :]
        return cited_path(self._folder / inside[0], self._base) if self._folder in (self._base / path).parents else path

    def remove(self, path: str) -> int:
        """Remove what is stored of `path`, and the file itself where it came in by upload; how many documents there
        were. Raises NotFoundError, StoreError."""
        with open_store(self._settings.where, None, write=True) as store:
            removed = store.remove(path)
            store.refresh()
        if not removed:
            raise NotFoundError(what=path)
        file = self._base / path
        if file.parent == self._folder:  # compared as written: the path was made by us
            file.unlink(missing_ok=True)
        return removed
