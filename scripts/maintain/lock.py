#!/usr/bin/env python3
"""Write the lock files: what a fresh environment gets today, tried by installing it.

    python -m scripts.maintain.lock

requirements.lock is what rag runs on, requirements-models.lock what the extra rag[models] needs besides,
requirements-ocr.lock what rag[ocr] does, and requirements-dev.lock what the tests need besides all three, the extra
rag[milvus] with it.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCH = "torch==2.13.0"
OCR = "requirements-ocr.lock"


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    steps = {
        # The build backend is among them: `make` installs the package itself without downloading another one.
        "requirements.lock": ("What rag runs on.", [*project["build-system"]["requires"], str(ROOT)]),
        "requirements-models.lock": ("What the extra rag[models] needs besides.", [TORCH, f"{ROOT}[models]"]),
        OCR: ("What the extra rag[ocr] needs besides.", [f"{ROOT}[ocr]"]),
        "requirements-dev.lock": (
            "What its tests need besides.",
            [f"{ROOT}[milvus]", *project["dependency-groups"]["dev"]],
        ),
    }
    names: list[set[str]] = [set()]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        for _, requirements in steps.values():
            subprocess.run([python, "-m", "pip", "install", "-q", *requirements], check=True)
            names.append(set(_installed(python)))
        # A later step may take another version of what an earlier one installed: the last is the one for all.
        versions = _installed(python)
        needed = _resolved(python, f"{ROOT}[ocr]") - names[1]  # by itself: some of it came with the models already
    for (name, (what, _)), (before, after) in zip(steps.items(), pairwise(names), strict=True):
        _write(name, what, {one: versions[one] for one in (needed if name == OCR else after - before)})


def _installed(python: Path) -> dict[str, str]:
    """Name -> version, without this package and pip, and without torch's mark of its build (+cpu)."""
    command = [python, "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {one["name"]: one["version"].split("+")[0] for one in listed if one["name"] not in ("rag", "pip")}


def _resolved(python: Path, requirement: str) -> set[str]:
    """The names of all that a requirement brings into an empty environment."""
    command = [python, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--report", "-", requirement]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {one["metadata"]["name"] for one in report["install"]} - {"rag"}


def _write(name: str, what: str, packages: dict[str, str]) -> None:
    lines = [f"# {what} Made by: make lock", *(f"{name}=={version}" for name, version in sorted(packages.items()))]
    (ROOT / name).write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{name}: {len(packages)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
