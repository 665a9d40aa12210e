"""Builds the bundled models once, in the user's cache; finds it there ever after.

A build is made in a temporary folder and renamed into place when it is complete and checked, so there is no half-built
model; a lock makes a second process wait for the first one's build.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from rag.errors import ModelBuildError, ModelMissingError
from rag.models.layout import BUILD_FOLDER, MANIFEST_FILE
from rag.models.weights import check_weights, find_weights

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many): when a stage begins, and once at the end."""

STAGES = ("weights", "export", "fuse", "quantise", "check", "reader")


def built_model(cache: Path, progress: Progress = lambda *_: None, *, build: bool = True) -> Path:
    """The folder of the built model, built first where it is not there: about a minute, 1.5 GB of disk meanwhile.

    Raises ModelMissingError where it is not there and `build` is false, WeightsMissingError, and ModelBuildError where
    the build fails or the files are not those that were built.
    """
    folder = cache / BUILD_FOLDER
    try:
        if not folder.exists() and not build:
            raise ModelMissingError(path=folder)
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(cache / f".{BUILD_FOLDER}.lock"):
                if not folder.exists():
                    _build(folder, progress)
        for problem in _differences(folder, full=False):
            raise ModelBuildError(path=folder, reason=problem)
    except OSError as error:
        raise ModelBuildError(path=folder, reason=error.strerror or str(error)) from error
    return folder


def verify_model(folder: Path) -> list[str]:
    """One line for each file that is not what was built, by checksum; empty when all is well. About 0.1 s."""
    return list(_differences(folder, full=True))


def _build(folder: Path, progress: Progress) -> None:
    for left_over in folder.parent.glob(f".{BUILD_FOLDER}-*"):  # by a build that was killed: the lock says none runs
        shutil.rmtree(left_over)
    temporary = Path(tempfile.mkdtemp(prefix=f".{BUILD_FOLDER}-", dir=folder.parent))
    model, scratch = temporary / "model", temporary / "scratch"
    try:
        model.mkdir()
        scratch.mkdir()
        reason = _export(model, scratch, progress)
        if reason:
            raise ModelBuildError(path=folder, reason=reason)
        write_manifest(model)
        for path in model.iterdir():  # the exporter keeps some to itself; a service may run as another user
            shutil.copymode(model / MANIFEST_FILE, path)
        model.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress(_described(STAGES[-1]), len(STAGES), len(STAGES))


def _export(target: Path, scratch: Path, progress: Progress) -> str:
    """Run rag.models.export into `target` in a process of its own (see there why); "" or the reason why it failed."""
    check_weights(find_weights())  # at once, and in its own words
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(scratch)}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        command = [sys.executable, "-m", "rag.models.export", str(target)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True) as process:
            for line in process.stdout or ():
                stage = line.strip()
                if stage in STAGES:
                    progress(_described(stage), STAGES.index(stage), len(STAGES))
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.strip()]
        return (lines or [f"exit code {process.returncode}"])[-1] if process.returncode else ""


def _described(stage: str) -> str:
    return f"building the model: {stage}"


def write_manifest(folder: Path) -> None:
    """Record size and checksum of each file in `folder`."""
    files = {path.name: [path.stat().st_size, _sha256(path)] for path in sorted(folder.iterdir())}
    (folder / MANIFEST_FILE).write_text(json.dumps({"files": files}, indent=2), encoding="utf-8")


def _differences(folder: Path, full: bool) -> Iterator[str]:
    try:
        files = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        yield f"no readable {MANIFEST_FILE}"
        return
    for name, (size, sha256) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            yield f"{name} is missing or cut short"
        elif full and _sha256(path) != sha256:
            yield f"{name} has changed since it was built"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
