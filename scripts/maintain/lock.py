#!/usr/bin/env python3
"""Write the lock files: one version of each package, found together, so that any of the files go with each other.

    make lock                    what is pinned stays, what was declared since is added, what is needed no more goes
    make lock UPGRADE=--upgrade  the newest of all that go together

requirements.lock is what rag runs on, requirements-EXTRA.lock what an extra of OWN_LOCK needs besides, and
requirements-dev.lock what the tests need besides all of them, the other extras with it but for those of UNLOCKED.
Resolved by uv, from what pyproject.toml declares and for the Python that this runs on; nothing is installed.
"""

import argparse
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
OWN_LOCK = ("models", "ocr")
"""The extras that are set up by themselves, either without the other."""
UNLOCKED = ("ray",)
"""The extras that neither set-up nor `make test` installs: 200 MB; `make ray` does."""
CUDA = ("cuda-", "nvidia-", "triton")
"""What only torch's ordinary build needs; `make` installs the one for processors."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uv", help="the program")
    parser.add_argument("--upgrade", action="store_true", help="do not keep the versions that are pinned")
    arguments = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    # The build backend is among them: `make` installs the package itself without downloading another one.
    base = project["project"]["dependencies"] + project["build-system"]["requires"]
    everything = (
        base
        + [*chain(*(needed for extra, needed in extras.items() if extra not in UNLOCKED))]
        + project["dependency-groups"]["dev"]
    )
    with TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"  # uv keeps to what the file holds that it writes
        pins.write_text("".join(path.read_text("utf-8") for path in sorted(ROOT.glob("requirements*.lock"))), "utf-8")
        whole = resolved(arguments.uv, everything, "--output-file", pins, *["--upgrade"] * arguments.upgrade)
        running = resolved(arguments.uv, base, "--constraint", pins)
        write("requirements.lock", "What rag runs on.", running)
        written = set(running)
        for extra in OWN_LOCK:
            needed = resolved(arguments.uv, base + extras[extra], "--constraint", pins)
            write(f"requirements-{extra}.lock", f"What the extra rag[{extra}] needs besides.", needed - running)
            written |= needed
        write("requirements-dev.lock", "What its tests need besides.", whole - written)


def resolved(uv: str, requirements: list[str], *options: str | Path) -> set[str]:
    """All that the requirements need, theirs among it, as lines of a lock: NAME==VERSION."""
    command = [uv, "pip", "compile", "-", "--no-progress", "--no-header", "--no-annotate", "--python", sys.executable]
    text = "\n".join(requirements)
    run = subprocess.run([*command, *options], input=text, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return {line.split("+")[0] for line in run.stdout.splitlines() if not line.startswith(CUDA)}


def write(name: str, what: str, lines: set[str]) -> None:
    (ROOT / name).write_text("\n".join([f"# {what} Made by: make lock", *sorted(lines)]) + "\n", "utf-8")
    print(f"{name}: {len(lines)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
