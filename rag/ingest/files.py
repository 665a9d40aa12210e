"""Which files there are under what an ingest is asked for, and what each is called."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rag.documents import content_sha256
from rag.errors import PathMissingError
from rag.ingest.values import Passed
from rag.text import one_line


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


def sha256_of(file: Path, fields: Mapping[str, str]) -> str:
    """As `Document.sha256`; "" where it cannot be read."""
    if not file.is_file():  # reading it will say what is wrong
        return ""
    try:
        if fields:
            return content_sha256(file.read_bytes(), fields)
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
