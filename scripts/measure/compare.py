"""The same passages, embedding weights and questions through what a user would pick instead of this project.

    python -m scripts.measure.compare --setup DIR                   a virtual environment with the others, once
    python -m scripts.measure.compare SET.json --environment DIR    the table, in Markdown

SET is a SQuAD-style file: its paragraphs are the passages, one each. Every system (see compare_systems.py) runs alone,
in a process of its own, so that neither the memory nor the imports of one count for another.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.measure.compare_systems import SYSTEMS

_REQUIREMENTS = Path(__file__).with_name("compare-requirements.txt")
_SYSTEMS_FILE = Path(__file__).with_name("compare_systems.py")


def run_apart(system: str, task: Path, environment: Path) -> dict[str, Any]:
    """Measure one system in a process of its own: ours in this environment, the others in theirs."""
    python = sys.executable if system == "ours" else str(environment / "bin" / "python")
    quiet = {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "TQDM_DISABLE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [python, str(_SYSTEMS_FILE), system, str(task), str(out)]
        done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return {"failed": reason}
        return dict(json.loads(out.read_text(encoding="utf-8")))


# --- the table ---------------------------------------------------------------------------------------------------


def table(results: dict[str, dict[str, Any]], golds: Sequence[int], answers: Sequence[Any], passages: int) -> str:
    """One row a system, in Markdown."""
    head = (
        "system",
        "R@1",
        "R@5",
        "sentence first",
        "start s",
        "ingest s",
        "passages/s",
        "question p50 ms",
        "p95 ms",
        "MB",
    )
    rows = [head, ("---", *("--:" for _ in head[1:]))]
    for name, result in results.items():
        title = SYSTEMS[name].title
        if "failed" in result:
            rows.append((title, f"failed: {result['failed']}", *("" for _ in head[2:])))
            continue
        first = [gold in found[:1] for found, gold in zip(result["found"], golds, strict=True)]
        five = [gold in found[:5] for found, gold in zip(result["found"], golds, strict=True)]
        rows.append(
            (
                title,
                f"{sum(first) / len(golds):.3f}",
                f"{sum(five) / len(golds):.3f}",
                sentence_share(result, answers),
                f"{result['start']:.1f}",
                f"{result['ingest']:.1f}",
                f"{passages / result['ingest']:.1f}",
                f"{quantile(result['spent'], 0.5):.1f}",
                f"{quantile(result['spent'], 0.95):.1f}",
                f"{result['peak']:.0f}",
            )
        )
        if "answer_spent" in result:
            spent = result["answer_spent"]
            times = (f"{quantile(spent, 0.5):.1f}", f"{quantile(spent, 0.95):.1f}")
            rows.append((f"{title}, whole answer", *("" for _ in head[1:7]), *times, ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def sentence_share(result: dict[str, Any], answers: Sequence[Any]) -> str:
    """Share of questions whose first sentence holds the gold answer; only ours has a notion of it."""
    from rag.evaluate.matching import holds_all, squeeze

    if "sentences" not in result:
        return "–"
    pairs = zip(result["sentences"], answers, strict=True)
    return f"{sum(holds_all(squeeze(text), groups) for text, groups in pairs) / len(answers):.3f}"


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# --- setting up --------------------------------------------------------------------------------------------------


def set_up(folder: Path) -> None:
    """A virtual environment with the systems; torch by itself, or pip would choose a build with CUDA."""
    venv.create(folder, with_pip=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lines = [line for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    torch = next(line for line in lines if line.startswith("torch=="))
    if subprocess.run([*install, "--no-deps", f"{torch}+cpu"], capture_output=True, check=False).returncode:
        subprocess.run([*install, torch], check=True)
    subprocess.run([*install, "-r", str(_REQUIREMENTS)], check=True)


def weights_folder() -> Path:
    """The bundled weights as a folder that every SentenceTransformer-based system loads, written once."""
    from rag.models.bundled import write_model_folder
    from rag.models.weights import find_weights, read_weights
    from rag.settings import load_settings

    folder = load_settings().cache / "compare-weights"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
        write_model_folder(read_weights(find_weights()), unfinished)
        unfinished.rename(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare with other systems on one Q&A set.")
    parser.add_argument("set", type=Path, nargs="?", help="a SQuAD-style file")
    parser.add_argument("--setup", type=Path, metavar="DIR", help="make the other systems' environment, and stop")
    parser.add_argument("--environment", type=Path, metavar="DIR", help="the other systems' environment")
    parser.add_argument("--questions", type=int, default=300, help="how many, always the same ones")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="some of: " + ",".join(SYSTEMS))
    arguments = parser.parse_args()
    if arguments.setup:
        set_up(arguments.setup)
    elif arguments.set and arguments.environment:
        compare(arguments.set, arguments.environment, arguments.questions, arguments.systems.split(","))
    else:
        parser.error("give --setup DIR, or SET and --environment DIR")


def compare(path: Path, environment: Path, count: int, systems: Sequence[str]) -> None:
    from rag.evaluate import checked, open_set

    opened = open_set(path)
    (bundle,) = opened.read()
    questions = [question for question in checked(opened) if question.answerable]
    if count < len(questions):
        questions = random.Random(0).sample(questions, count)
    numbers = {document.name: i for i, document in enumerate(bundle.documents)}
    task = {
        "weights": str(weights_folder()),
        "passages": [document.text for document in bundle.documents],
        "questions": [question.question for question in questions],
    }
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.json"
        file.write_text(json.dumps(task), encoding="utf-8")
        for system in systems:
            print(f"{SYSTEMS[system].title} ...", file=sys.stderr, flush=True)
            results[system] = run_apart(system, file, environment)
    golds = [numbers[question.documents[0]] for question in questions]
    answers = [question.answers for question in questions]
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{opened.name}: {len(numbers)} passages, {len(questions)} questions; {time.strftime('%Y-%m-%d')}; {where}\n")
    print(table(results, golds, answers, len(numbers)))


if __name__ == "__main__":
    main()
