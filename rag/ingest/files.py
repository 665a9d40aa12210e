"""Which files there are under what an ingest is asked for, and what each is called."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rag.documents import content_sha256
from rag.errors import PathMissingError, RagError, UnreadableFileError
from rag.ingest.values import Passed
from rag.text import one_line


@dataclass(slots=True)
class Listed:
    """What lies under some paths, each by the path it is cited by; a folder's ends with a slash, but in `failed`."""

    files: dict[str, Path] = field(default_factory=dict)  # to be read
    passed: list[tuple[str, Passed]] = field(default_factory=list)
    failed: dict[str, RagError] = field(default_factory=dict)  # folders that cannot be looked into

    def may_hold(self, name: str) -> bool:
        """Whether `name` lies where nobody could look."""
        return any(PurePosixPath(name).is_relative_to(folder) for folder in self.failed)


def find_files(paths: Sequence[Path], base: Path, apart: Sequence[Path] = ()) -> Listed:
    """The files under `paths`, and what is passed over. Raises PathMissingError."""
    found = Listed()

    def failed(error: OSError) -> None:
        name = cited_path(Path(error.filename), base)
        found.failed[name] = UnreadableFileError(path=name, reason=error.strerror or error)

    own = {os.path.realpath(one) for one in apart}
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)
        if not path.is_dir():
            found.files[cited_path(path, base)] = path
            continue
        for root, folders, names in os.walk(_absolute(path), onerror=failed):
            for name in list(folders):
                inner = Path(root, name)
                why = _why_passed(inner, own)
                if why:
                    folders.remove(name)
                    found.passed.append((cited_path(inner, base) + "/", why))
            for name in names:
                file = Path(root, name)
                if name.startswith("."):
                    found.passed.append((cited_path(file, base), "hidden"))
                else:
                    found.files[cited_path(file, base)] = file
    found.files = dict(sorted(found.files.items()))
    found.passed.sort()
    return found


def passed_over(path: Path, folder: Path, apart: Sequence[Path] = ()) -> bool:
    """Whether what lies at `path` within `folder` is left out of it, for its own name or one on the way."""
    own = {os.path.realpath(one) for one in apart}
    inner = path.relative_to(folder)
    return any(_why_passed(folder / part, own) for part in (inner, *inner.parents) if part.name)


def _why_passed(path: Path, own: set[str]) -> Passed | None:
    if os.path.realpath(path) in own:
        return "own"
    return "hidden" if path.name.startswith(".") else "link" if path.is_symlink() and _is_folder(path) else None


def _is_folder(link: Path) -> bool:
    try:
        return link.is_dir()
    except OSError:  # where it leads to cannot be looked at
        return False


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


def sha256_of(file: Path, fields: Mapping[str, str]) -> str:
    """As `Document.sha256`; "" where it cannot be read."""
    try:
        if not file.is_file():  # reading it will say what is wrong
            return ""
        with file.open("rb") as stream:
            return content_sha256(stream, fields)
    except OSError:
        return ""
