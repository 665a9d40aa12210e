"""Around an ingest: the run itself as settings ask for it, what it would do, and its summary for programs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.assistant import fingerprint_of
from rag.documents import DocumentReader, Limits
from rag.errors import SettingError, StoreMissingError
from rag.ingest import IngestReport, Progress, Way, ingest, read_here, survey
from rag.settings import Settings
from rag.store import open_store
from rag.types import Embedder
from rag.types.filters import one_form

_FIELDS = ("text", "title", "date")


@dataclass(frozen=True, slots=True)
class Ingest:
    """An ingest as the settings ask for it, to be made as often as one likes: the store is open only meanwhile."""

    settings: Settings
    embedder: Embedder
    fields: Mapping[str, str] = field(default_factory=dict)
    ray: str = ""  # address of the Ray cluster whose workers read and embed; "": this process does

    @property
    def base(self) -> Path:
        """What documents are cited relative to."""
        return self.settings.store.resolve().parent

    def run(
        self, paths: Sequence[Path], progress: Progress, *, rebuild: bool = False, gone: Sequence[str] = ()
    ) -> tuple[IngestReport, tuple[int, int]]:
        """The report, and how many documents and passages the store then holds. `gone`: files that are to be removed,
        by the path that they are cited by. Raises PathMissingError, StoreError, ClusterError."""
        with (
            self._way(progress) as way,
            open_store(self.settings.where, fingerprint_of(self.embedder), write=True, rebuild=rebuild) as store,
        ):
            report = ingest(
                paths,
                store,
                self.embedder,
                base=self.base,
                limit_mb=self.settings.max_file_mb,
                progress=progress,
                fields=self.fields,
                apart=(self.settings.store,),
                gone=gone,
                way=way,
            )
            return report, (store.document_count(), store.passage_count())

    def _way(self, progress: Progress) -> AbstractContextManager[Way | None]:
        if not self.ray:
            return nullcontext()
        from rag.ingest.ray import open_cluster

        return open_cluster(self.ray, self.embedder, self.settings, fields=self.fields, progress=progress)


def fields_of(given: Sequence[str]) -> dict[str, str]:
    """["text=body", "source=origin"] -> {"text": "body", "source": "origin"}: what is not a text, title or date is
    metadata by that name. Raises SettingError."""
    fields: dict[str, str] = {}
    for one in given:
        what, _, name = one.partition("=")
        what = one_form(what)
        if not what or what == "path" or not name:
            known = ", ".join(f"{field}=NAME" for field in (*_FIELDS, "METADATA"))
            raise SettingError(
                name="--field",
                problem_en=f"{one}: give {known}",
                problem_zh=f"{one} 无效，请用 text=名称、title=名称、date=名称 或 元数据名=名称。",
            )
        fields[what] = name
    return fields


def foresee(
    paths: Sequence[Path], settings: Settings, progress: Progress, fields: Mapping[str, str], *, rebuild: bool = False
) -> IngestReport:
    """What an ingest would do: every file is read, nothing is embedded or written. Raises PathMissingError,
    StoreError."""
    known: dict[str, str] = {}
    if not rebuild:
        try:
            with open_store(settings.where, None) as store:
                known = store.sources()
        except StoreMissingError:
            pass
    report = IngestReport()
    base = settings.store.resolve().parent
    with DocumentReader(Limits(megabytes=settings.max_file_mb), fields) as reader:
        read = read_here(reader, progress)
        for change in survey(paths, known, read, report, base=base, progress=progress, apart=(settings.store,)):
            report.took(change)
    return report


def as_dict(report: IngestReport, held: tuple[int, int] | None, language: str, *, dry_run: bool) -> dict[str, Any]:
    """For --json: how many of each, which they are, and why. `held`: documents and passages in the store after it."""
    failed = [
        {"path": path, "kind": type(error).__name__, "reason": error.message(language)} for path, error in report.failed
    ]
    files = {
        "added": report.added,
        "updated": report.updated,
        "removed": report.removed,
        "failed": failed,
        "passed": [{"path": path, "kind": why} for path, why in report.passed],
    }
    documents, passages = held or (None, None)
    return {**report.counts(), "dry_run": dry_run, "documents": documents, "passages": passages, "files": files}
