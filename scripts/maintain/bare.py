#!/usr/bin/env python3
"""What whoever installs the package by `pip install .` gets: a bare environment, an empty cache, the newest packages.

    make bare

Clones what is committed, installs it into an environment of its own, reads the seeds and asks two questions, one of
which they do not answer. Needs the network; minutes.
"""

import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
QUESTIONS = {"智新科技去年的销量是多少?": 0, "武汉市市长的生日是哪天?": 3}
"""With the exit code that each is to give."""


def main() -> None:
    with TemporaryDirectory() as folder:
        source, environment = Path(folder) / "source", Path(folder) / "environment"
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RAG_"))}
        variables |= {"RAG_CACHE": f"{folder}/cache", "RAG_STORE": f"{folder}/vectorstore"}

        def run(*command: str | Path, expected: int = 0) -> None:
            begun = time.perf_counter()
            code = subprocess.run(command, cwd=folder, env=variables).returncode
            print(f"{time.perf_counter() - begun:6.1f} s  {' '.join(map(str, command[1:]))}", file=sys.stderr)
            if code != expected:
                sys.exit(f"Exit code {code} and not {expected}.")

        run("git", "clone", "--quiet", ROOT, source)
        venv.create(environment, with_pip=True)
        run(environment / "bin" / "python", "-m", "pip", "install", "--quiet", source)
        run(environment / "bin" / "python", "-c", "import importlib.util as u; exit(u.find_spec('torch') is not None)")
        run(environment / "bin" / "rag", "ingest", "--quiet", source / "seeds")
        for question, code in QUESTIONS.items():
            run(environment / "bin" / "rag", "ask", question, expected=code)
        run(environment / "bin" / "rag", "doctor")


if __name__ == "__main__":
    main()
