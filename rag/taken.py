"""Around an ingest: what it would do, the fields that records are read by, and its summary for programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.documents import DocumentReader, Limits
from rag.errors import SettingError, StoreMissingError
from rag.ingest import IngestReport, Progress, survey
from rag.settings import Settings
from rag.store import open_store

_FIELDS = ("text", "title", "date")


def fields_of(given: Sequence[str]) -> dict[str, str]:
    """["text=body"] -> {"text": "body"}. Raises SettingError."""
    fields: dict[str, str] = {}
    for one in given:
        what, _, name = one.partition("=")
        if what not in _FIELDS or not name:
            known = ", ".join(f"{field}=NAME" for field in _FIELDS)
            raise SettingError(name="--field", problem_en=f"{one}: give {known}", problem_zh=f"{one}：请用 {known}")
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
        found = survey(paths, known, reader, report, base=base, progress=progress, apart=(settings.store,))
        for _ in found:
            pass
    return report


def as_dict(report: IngestReport, held: tuple[int, int] | None, language: str, *, dry_run: bool) -> dict[str, Any]:
    """For --json: how many of each, which they are, and why. `held`: documents and passages in the store after it."""
    counts = {
        name: len(getattr(report, name)) for name in ("added", "updated", "unchanged", "removed", "failed", "passed")
    }
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
    return {**counts, "dry_run": dry_run, "documents": documents, "passages": passages, "files": files}
