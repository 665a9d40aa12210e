"""The same passages, embedding weights and questions through what a user would pick instead of this project.

    python -m scripts.measure.compare --setup DIR                   a virtual environment with the others, once
    python -m scripts.measure.compare SET.json --environment DIR    the table, in Markdown
    python -m scripts.measure.compare --news DATA --environment DIR [--articles 600]    the same over news

SET is a SQuAD-style file: its paragraphs are the passages, one each; news are cut as this project cuts them (see
compare_sets.py). Every system (see compare_systems.py) runs alone, in a process of its own, so that neither the memory
nor the imports of one count for another.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.measure.compare_sets import Task, news_task, squad_task
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


def table(results: dict[str, dict[str, Any]], task: Task) -> str:
    """One row a system, in Markdown. What is found counts by document."""
    kinds = sorted(set(task.kinds), reverse=True)
    firsts = tuple(kind if kind == "R@1" else f"R@1, {kind}" for kind in kinds)
    rates = ("documents/s", "passages/s", "question p50 ms", "p95 ms", "MB")
    head = ("system", *firsts, "R@5", "sentence first", "start s", "ingest s", *rates)
    rows = [head, ("---", *("--:" for _ in head[1:]))]
    for name, result in results.items():
        title = SYSTEMS[name].title
        if "failed" in result:
            rows.append((title, f"failed: {result['failed']}", *("" for _ in head[2:])))
            continue
        spent = result["spent"]
        rows.append(
            (
                title,
                *(_found(result, task, 1, kind) for kind in kinds),
                _found(result, task, 5),
                sentence_share(result, task.answers),
                f"{result['start']:.1f}",
                f"{result['ingest']:.1f}",
                f"{len(task.documents) / result['ingest']:.1f}",
                f"{len(task.passages) / result['ingest']:.1f}",
                f"{quantile(spent, 0.5):.1f}",
                f"{quantile(spent, 0.95):.1f}",
                f"{result['peak']:.0f}",
            )
        )
        if "answer_spent" in result:
            spent = result["answer_spent"]
            times = (f"{quantile(spent, 0.5):.1f}", f"{quantile(spent, 0.95):.1f}")
            rows.append((f"{title}, whole answer", *("" for _ in head[1:-3]), *times, ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _found(result: dict[str, Any], task: Task, within: int, kind: str | None = None) -> str:
    """Share of questions, of one kind or of all, whose document is among the first `within` passages'."""
    triples = zip(result["found"], task.golds, task.kinds, strict=True)
    right = [gold in found[:within] for found, gold, its in triples if kind in (None, its)]
    return f"{sum(right) / len(right):.3f}"


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, nargs="?", help="a SQuAD-style file")
    parser.add_argument("--news", type=Path, metavar="DATA", help="news articles of this data folder instead")
    parser.add_argument("--articles", type=int, default=600, help="how many of them (600)")
    parser.add_argument("--setup", type=Path, metavar="DIR", help="make the other systems' environment, and stop")
    parser.add_argument("--environment", type=Path, metavar="DIR", help="the other systems' environment")
    parser.add_argument("--questions", type=int, default=300, help="how many, always the same ones (300)")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="some of: " + ",".join(SYSTEMS))
    parser.add_argument("--busy", action="store_true", help="processor seconds, where the machine has other work too")
    parser.add_argument("--results", type=Path, help="keep them in this file; systems that stand in it are not run")
    given = parser.parse_args()
    if given.setup:
        set_up(given.setup)
        return
    if bool(given.set) == bool(given.news) or not given.environment:
        parser.error("give --setup DIR, or --environment DIR with SET or --news DATA")
    if unknown := set(given.systems.split(",")) - SYSTEMS.keys():
        parser.error(f"no such system: {', '.join(sorted(unknown))}")
    task = (
        squad_task(given.set, given.questions) if given.set else news_task(given.news, given.articles, given.questions)
    )
    results = compare(task, given.environment, given.systems.split(","), given.busy, given.results)
    where = f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    sizes = f"{len(task.documents)} documents in {len(task.passages)} passages, {len(task.questions)} questions"
    print(f"{task.name}: {sizes}; {where}; seconds of {'the processor' if given.busy else 'the wall'}\n")
    print(table(results, task))


def compare(
    task: Task, environment: Path, systems: Sequence[str], busy: bool, kept: Path | None = None
) -> dict[str, dict[str, Any]]:
    """What each system did; with `kept`, what stands there already is taken, and each result added."""
    results: dict[str, dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept and kept.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.json"
        file.write_text(json.dumps(task.for_system(weights_folder(), busy)), encoding="utf-8")
        for system in systems:
            if system in results and "failed" not in results[system]:
                continue
            print(f"{SYSTEMS[system].title} ...", file=sys.stderr, flush=True)
            results[system] = run_apart(system, file, environment)
            if kept:
                kept.write_text(json.dumps(results), encoding="utf-8")
    return {system: results[system] for system in systems}


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
