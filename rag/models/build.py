"""Builds the bundled models once, in the user's cache; finds them there ever after.

The packaged graph says what is computed. A build writes the numbers it takes, twice: the packaged weights for the
embedder, and the same with what training changed for the reader; both in int8. numpy is all that this needs.

A build is made in a temporary folder and renamed into place when it is complete and checked, so there is no half-built
model; a lock makes a second process wait for the first one's build. Its name holds a checksum of all that it is made
from: another release of the package, or a newly trained reader, has another folder and never uses this one.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from rag.errors import ModelBuildError, ModelMissingError
from rag.models.bert import bert_tensors
from rag.models.encoder import OnnxEmbedder
from rag.models.layout import (
    ACTIVATIONS_FILE,
    DATA_FILE,
    EMBEDDER_FOLDER,
    GRAPH_FILE,
    HEAD_FILE,
    MANIFEST_FILE,
    ORDER_FILE,
    PARITY_FILE,
    READER_FOLDER,
    READER_WEIGHTS_FILE,
)
from rag.models.numbers import (
    activation_numbers,
    divided,
    fused_tensors,
    packaged,
    quantise,
    read_activations,
    read_order,
    write_numbers,
)
from rag.models.parity import MIN_COSINE, worst_cosine
from rag.models.trained import HEAD, read_trained
from rag.models.unigram import write_unigram
from rag.models.weights import WEIGHTS_SHA256, check_weights, find_weights, read_weights

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many): when a stage begins, and once at the end."""

STAGES = ("weights", "quantise", "check", "reader")

_BUILD = "4"  # grows when the code makes other files of the same package files


def built_model(cache: Path, progress: Progress = lambda *_: None, *, build: bool = True) -> Path:
    """The folder of the built models, built first where it is not there: some seconds, 0.9 GB of memory.

    Raises ModelMissingError where it is not there and `build` is false, WeightsMissingError, and ModelBuildError where
    the build fails or the files are not those that were built.
    """
    folder = cache / build_name()
    try:
        if not folder.exists() and not build:
            raise ModelMissingError(path=folder)
        if not folder.exists():
            from filelock import FileLock  # takes 50 ms to import

            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(cache / f".{folder.name}.lock"):
                if not folder.exists():
                    _build(folder, progress)
        for problem in _differences(folder, full=False):
            raise ModelBuildError(path=folder, reason=problem)
    except OSError as error:
        raise ModelBuildError(path=folder, reason=error.strerror or str(error)) from error
    return folder


@lru_cache(maxsize=1)
def build_name() -> str:
    """The built folder's name, with a checksum of all that it is made from; 10 ms, once a process."""
    digest = hashlib.sha256(f"{_BUILD} {WEIGHTS_SHA256}".encode())
    for name in (GRAPH_FILE, ORDER_FILE, ACTIVATIONS_FILE, PARITY_FILE, READER_WEIGHTS_FILE):
        digest.update(packaged(name))
    return f"e5-small-int8-{digest.hexdigest()[:12]}"


def verify_model(folder: Path) -> list[str]:
    """One line for each file that is not what was built, by checksum; empty when all is well. About 0.1 s."""
    return list(_differences(folder, full=True))


def _build(folder: Path, progress: Progress) -> None:
    for left_over in folder.parent.glob(f".{folder.name}-*"):  # by a build that was killed: the lock says none runs
        shutil.rmtree(left_over)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        model = temporary / "model"
        model.mkdir()
        write_models(model, lambda stage: progress(described(stage), STAGES.index(stage), len(STAGES)))
        write_manifest(model)
        model.replace(folder)
    except ValueError as error:
        raise ModelBuildError(path=folder, reason=str(error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress(described(STAGES[-1]), len(STAGES), len(STAGES))


def write_models(target: Path, report: Callable[[str], None]) -> None:
    """Write the int8 models and their tokenizer into the empty folder `target`.

    Raises WeightsMissingError, and ValueError where the result does not agree with float32 or with the graph.
    """
    report("weights")
    path, order = find_weights(), read_order()
    check_weights(path)
    weights = read_weights(path)
    write_unigram(weights.vocabulary, weights.normaliser, target)
    for name in (EMBEDDER_FOLDER, READER_FOLDER):
        (target / name).mkdir()
        (target / name / GRAPH_FILE).write_bytes(packaged(GRAPH_FILE))
    base = bert_tensors(weights)
    activations = read_activations(EMBEDDER_FOLDER)
    fused = divided(fused_tensors(base), activations)
    # Where a processor has no int8 dot product (x86 before VNNI), products of full 8-bit weights overflow their
    # 16-bit sums. Weights of 7 bits do not, and lose little.
    for seven_bits in (False, True):
        report("quantise")
        numbers = {**quantise(fused, order, seven_bits), **activation_numbers(activations)}
        write_numbers(numbers, order, target / EMBEDDER_FOLDER / DATA_FILE)
        report("check")
        worst = worst_cosine(OnnxEmbedder(target))
        if worst >= MIN_COSINE:
            break
    else:
        raise ValueError(f"cosine to float32 is {worst:.4f}, under {MIN_COSINE}")
    report("reader")
    trained = read_trained()
    activations = read_activations(READER_FOLDER)
    read = divided(fused_tensors(base | trained), activations)
    changed = {name: values for name, values in read.items() if not np.array_equal(values, fused[name])}
    numbers = {**numbers, **quantise(changed, order, seven_bits), **activation_numbers(activations)}
    write_numbers(numbers, order, target / READER_FOLDER / DATA_FILE)
    np.save(target / HEAD_FILE, np.vstack([trained[HEAD[0]].T, trained[HEAD[1]][None, :]]))


def described(stage: str) -> str:
    return f"building the model: {stage}"


def write_manifest(folder: Path) -> None:
    """Record size and checksum of each file in `folder`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): [path.stat().st_size, _sha256(path)] for path in paths}
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
