#!/usr/bin/env python3
"""Write requirements.lock and requirements-dev.lock: what a fresh environment gets today, tried by installing it.

python -m scripts.maintain.lock
"""

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCH = "torch==2.13.0"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        _install(python, TORCH)
        _install(python, str(ROOT))
        run = _installed(python)
        groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
        _install(python, *groups["dev"])
        dev = {name: version for name, version in _installed(python).items() if name not in run}
    _write("requirements.lock", "What rag runs on.", run)
    _write("requirements-dev.lock", "What its tests need besides.", dev)


def _install(python: Path, *what: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "-q", *what], check=True)


def _installed(python: Path) -> dict[str, str]:
    """Name -> version, without this package and pip, and without torch's mark of its build (+cpu)."""
    command = [python, "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {one["name"]: one["version"].split("+")[0] for one in listed if one["name"] not in ("rag", "pip")}


def _write(name: str, what: str, packages: dict[str, str]) -> None:
    lines = [f"# {what} Made by: make lock", *(f"{name}=={version}" for name, version in sorted(packages.items()))]
    (ROOT / name).write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{name}: {len(packages)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
