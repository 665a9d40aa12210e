#!/usr/bin/env python3
"""What the container image holds besides Debian, where there is no container engine: the Dockerfile followed by hand.

    python3 scripts/maintain/image.py FOLDER     (of nothing yet; everything lands in it)

Does what the first stage says, /opt and the like being within FOLDER, and all but what apt installs; then adds up what
the second stage takes of it, and runs the second stage's own check on that. Debian and its Python come on top.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    first, second = re.split(r"^FROM .*$", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)[1:]
    place, variables = folder, dict(os.environ)
    for word, rest in instructions(first):
        if word == "WORKDIR":
            place = within(folder, rest)
            place.mkdir(parents=True)
        elif word == "COPY":
            *names, target = rest.split()
            for name in names:
                copy(ROOT / name, place / target)
        elif word == "ENV":
            variables |= settings(folder, rest)
        elif word == "RUN" and "apt-get" not in rest:
            run(folder, rest, place, variables)
    taken = [rest.split()[1:] for word, rest in instructions(second) if word == "COPY"]
    for source, _ in taken:
        path = within(folder, source)
        size = sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir())
        print(f"{size / 1e6:7.1f} MB  {source}", flush=True)
    for word, rest in instructions(second):
        if word == "ENV":
            variables |= settings(folder, rest)
        elif word == "RUN" and "apt-get" not in rest:
            for source, target in taken:
                rest = rest.replace(target, source)
            run(folder, rest, folder, variables)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(word, what follows it) of each instruction, its lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def within(folder: Path, path: str) -> Path:
    return folder / path.lstrip("/")


def moved(folder: Path, text: str) -> str:
    """The folders that the image has of its own are within `folder`."""
    return re.sub(r"(?<![\w/.])/(?=(opt|src|tmp|data|wheel)\b)", f"{folder}/", text)


def settings(folder: Path, text: str) -> dict[str, str]:
    pairs = (one.split("=", 1) for one in shlex.split(moved(folder, text)))
    return {name: value.replace("$PATH", os.environ["PATH"]) for name, value in pairs}


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def run(folder: Path, command: str, place: Path, variables: dict[str, str]) -> None:
    print(f"  {command}", file=sys.stderr, flush=True)
    subprocess.run(["sh", "-e", "-c", moved(folder, command)], cwd=place, env=variables, check=True)


if __name__ == "__main__":
    main()
