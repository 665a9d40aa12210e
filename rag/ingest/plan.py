"""What an ingest is to do: which files changed, which are gone, which cannot be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from rag.documents import TEXT, DocumentReader
from rag.errors import QASetFoundError, RagError
from rag.ingest.files import cited_path, find_files, sha256_of
from rag.ingest.values import Change, Found, IngestReport, Outcome, Progress

Reads = Callable[[Iterable[Found]], Iterator[tuple[Found, Outcome]]]
"""What became of each file that was found, in the order they were found in."""


def survey(
    paths: Sequence[Path],
    known: Mapping[str, str],
    read: Reads,
    report: IngestReport,
    *,
    base: Path,
    progress: Progress = lambda *_: None,
    apart: Sequence[Path] = (),
    anew: bool = False,
) -> Iterator[Change]:
    """What an ingest is to do: each file to be stored, with what was read of it; `report` is filled on the way, but for
    these.

    `known` says what is stored: path -> sha256; `anew`, unchanged files count as changed. Nothing is written. Raises
    PathMissingError.
    """
    listed = find_files(paths, base, apart)
    files, report.passed[:] = listed.files, listed.passed
    report.failed.extend(listed.failed.items())
    stored = _by_file(known, files)
    found = (
        Found(name, file, number, len(files), None if anew else stored.get(name))
        for number, (name, file) in enumerate(files.items())
    )
    for one, outcome in read(found):
        if isinstance(outcome, QASetFoundError):
            report.passed.append((one.name, "questions"))
        elif isinstance(outcome, RagError):  # of this file; one of usage: it is gone since it was listed
            report.failed.append((one.name, outcome))
        elif outcome is None:
            report.unchanged.append(one.name)
        else:
            report.failed.extend((str(error.facts["path"]), error) for error in outcome.failed)
            if outcome.documents[0].sha256 == one.held:  # read again for what could not be read, which still cannot
                report.unchanged.append(one.name)
            else:
                yield Change(one.name, outcome, "updated" if one.name in stored else "added")
    folders = [PurePosixPath(cited_path(path, base)) for path in paths if path.is_dir()]
    gone = (
        name
        for name, sha256 in stored.items()
        if name not in files and not sha256.startswith(TEXT) and not listed.may_hold(name)
    )
    report.removed.extend(sorted(name for name in gone if any(PurePosixPath(name).is_relative_to(f) for f in folders)))
    progress("read", "", len(files), len(files))


def read_here(reader: DocumentReader, progress: Progress = lambda *_: None) -> Reads:
    """One file after the other in this process, each when it is asked for."""

    def read(found: Iterable[Found]) -> Iterator[tuple[Found, Outcome]]:
        for one in found:
            progress("read", one.name, one.number, one.of)
            yield one, _outcome(one, reader)

    return read


def _outcome(one: Found, reader: DocumentReader) -> Outcome:
    if is_unchanged(one, reader.fields):
        return None
    try:
        return reader.read(one.file, one.name)
    except RagError as error:
        return error


def is_unchanged(one: Found, fields: Mapping[str, str]) -> bool:
    return one.held is not None and one.held == sha256_of(one.file, fields)


def _by_file(known: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    """`known` with the files within a file, which are cited as file/inner/path, under the file that holds them."""
    stored: dict[str, str] = {}
    for path, sha256 in known.items():
        above = (parent.as_posix() for parent in PurePosixPath(path).parents)
        holder = path if path in files else next((parent for parent in above if parent in files), path)
        stored[holder] = sha256
    return stored
