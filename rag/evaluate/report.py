"""A run as one self-contained HTML page, a Markdown summary and JSON."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from rag.evaluate import charts
from rag.evaluate.compare import Comparison
from rag.evaluate.labels import FAILURES, Language, failure_label, metric_label, texts
from rag.evaluate.metrics import CUTOFFS
from rag.evaluate.result import METRICS_FILE, QUESTIONS_FILE, REPORT_FILE, SUMMARY_FILE, Asked, Evaluation
from rag.evaluate.statistics import Estimate

_TILES = ("sentence@1", "sentence@3", "recall@1", "recall@5", "citation", "abstention_precision", "abstention_recall")
_SLICE_METRICS = ("accuracy", "sentence@1", "recall@1", "recall@5", "citation")


def write_report(
    evaluation: Evaluation, folder: Path, comparison: Comparison | None = None, language: Language = "en"
) -> None:
    """Write report.html, summary.md and metrics.json into `folder`, which holds the run's questions.jsonl."""
    metrics = evaluation.to_json() | ({"comparison": comparison.to_json()} if comparison else {})
    (folder / METRICS_FILE).write_text(json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / SUMMARY_FILE).write_text(markdown(evaluation, comparison, language), encoding="utf-8")
    page = (
        _environment(language)
        .get_template("report.html.j2")
        .generate(
            evaluation=evaluation,
            asked=asked_line(evaluation.asked, language),
            comparison=comparison,
            wrong=_wrong_answers(folder / QUESTIONS_FILE),
            outcomes=_outcomes(evaluation, language),
            tiles=[(name, evaluation.metrics[name]) for name in _tiles(evaluation)],
            recall=[(k, evaluation.metrics[f"recall@{k}"]) for k in CUTOFFS],
            slice_metrics=[name for name in _SLICE_METRICS if evaluation.metrics[name].n],
            lang="zh-CN" if language == "zh" else "en",
        )
    )
    with (folder / REPORT_FILE).open("w", encoding="utf-8") as file:
        file.writelines(page)  # piece by piece: the page holds every wrong answer, memory need not


def _environment(language: Language) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rag.evaluate", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=texts(language), charts=charts)
    environment.filters.update(
        percent=percent,
        marked=marked,
        p_value=p_value,
        number=lambda value: f"{value:.3f}",
        label=lambda metric: metric_label(metric, language)[0],
        over=lambda metric: metric_label(metric, language)[1],
        failure=lambda name: failure_label(name, language),
    )
    return environment


def _wrong_answers(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (record for record in map(json.loads, file) if not record["right"])


def _tiles(evaluation: Evaluation) -> list[str]:
    """The metrics to see first. Where the documents always say, abstaining is never right, and says nothing new."""
    unsaid = evaluation.metrics["abstention_recall"].n
    return [m for m in _TILES if evaluation.metrics[m].n and (unsaid or not m.startswith("abstention"))]


def _outcomes(evaluation: Evaluation, language: Language) -> list[tuple[str, str, int]]:
    """(CSS class, label, questions) for the right ones and each kind of failure, as a bar shows them."""
    failures = [(name, failure_label(name, language), evaluation.failures.get(name, 0)) for name in FAILURES]
    return [("right", texts(language)("right"), evaluation.right), *(part for part in failures if part[2])]


def percent(value: float) -> str:
    """`76.3 %`, and a dash for NaN."""
    return "–" if math.isnan(value) else f"{value * 100:.1f} %"


def p_value(p: float) -> str:
    """`.034`, and `< .001` below that."""
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def marked(text: str, marks: Sequence[Sequence[int]]) -> Markup:
    """`text` with its marks, which do not overlap, as <mark>."""
    pieces, at = Markup(), 0
    for start, end in sorted(map(tuple, marks)):
        pieces += escape(text[at:start]) + Markup("<mark>{}</mark>").format(text[start:end])
        at = end
    return pieces + escape(text[at:])


def asked_line(asked: Asked, language: Language = "en") -> str:
    """What the questions were asked of, in one line: the store, and its documents by number and the names of a few."""
    t = texts(language)
    comma = "、" if language == "zh" else ", "
    others = t("asked_others") if asked.more else ""
    line = t(
        "asked_store" if not asked.built else "asked_set" if asked.stores == 1 else "asked_sets",
        store=asked.store,
        stores=asked.stores,
        documents=t("asked_documents", n=asked.documents),
        paths=comma.join(asked.paths) + others,
    )
    return line + (t("asked_only", only=asked.only) if asked.only else "")


# --- Markdown ----------------------------------------------------------------------------------------------------


def markdown(evaluation: Evaluation, comparison: Comparison | None = None, language: Language = "en") -> str:
    """The run in one page of Markdown."""
    t = texts(language)
    facts = " · ".join(f"{name}: {value}" for name, value in evaluation.facts.items())
    lines = [_cell(asked_line(evaluation.asked, language)), ""]
    lines += [f"# {t('evaluation')}: {evaluation.name}", "", facts, ""]
    lines += [f"| {t('metric')} | {t('value')} | {t('interval_short')} | n |", "|---|--:|--:|--:|"]
    for name, estimate in evaluation.metrics.items():
        if estimate.n:
            lines.append(f"| {metric_label(name, language)[0]} | {_cells(estimate)} |")
    if evaluation.slices:
        names = [name for name in _SLICE_METRICS if evaluation.metrics[name].n]
        lines += ["", f"## {t('slices')}", ""]
        lines += [f"| | n | {' | '.join(metric_label(name, language)[0] for name in names)} |"]
        lines += ["|---|--:|" + "--:|" * len(names)]
        for one in evaluation.slices:
            values = " | ".join(percent(one.metrics[name].value) for name in names)
            lines.append(f"| {_cell(one.value)} | {one.questions} | {values} |")
    lines += ["", f"## {t('latency')}", "", f"| {t('stage')} | p50 ms | p95 ms | p99 ms |", "|---|--:|--:|--:|"]
    for stage, points in evaluation.latency_ms.items():
        lines.append(f"| {stage} | {points['p50']:.1f} | {points['p95']:.1f} | {points['p99']:.1f} |")
    if evaluation.failures:
        lines += ["", f"## {t('wrong_answers')}", ""]
        lines += [f"- {failure_label(name, language)}: {count}" for name, count in evaluation.failures.items()]
    if comparison:
        lines += ["", *comparison_markdown(comparison, language)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """One line, and no column of its own."""
    return " ".join(text.split()).replace("|", "\\|")


def _cells(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} | {estimate.low:.4f} – {estimate.high:.4f} | {estimate.n}"


def comparison_markdown(comparison: Comparison, language: Language = "en") -> list[str]:
    """The lines of a comparison: each metric, and each question that turned."""
    t = texts(language)
    lines = [f"## {t('comparison', before=comparison.before)}", ""]
    lines += [f"| {t('metric')} | {t('before')} | {t('after')} | {t('better')} | {t('worse')} | p | |"]
    lines += ["|---|--:|--:|--:|--:|--:|---|"]
    for change in comparison.changes:
        verdict = t("no_change") if not change.better + change.worse else t("noise" if change.noise else "no_noise")
        counts = f"{change.better} | {change.worse} | {p_value(change.p)}"
        name = metric_label(change.metric, language)[0]
        lines.append(f"| {name} | {change.before:.4f} | {change.after:.4f} | {counts} | {verdict} |")
    lines += ["", t("turned", better=len(comparison.better), worse=len(comparison.worse))]
    for heading, turned in ((t("better"), comparison.better), (t("worse"), comparison.worse)):
        lines += [f"- {heading}: {_cell(one.id)} {_cell(one.question)}" for one in turned]
    return lines


def overview(evaluations: Sequence[Evaluation], language: Language = "en") -> str:
    """Several runs as one Markdown table: a row a set, and a row for each of its slices."""
    names = (
        "answer_accuracy",
        "sentence@1",
        "sentence@3",
        "citation",
        "document@1",
        "recall@1",
        "recall@5",
        "abstention_recall",
        "verbatim",
    )
    lines = [f"| | n | {' | '.join(metric_label(name, language)[0] for name in names)} | p50 ms |"]
    lines += ["|---|--:|" + "--:|" * len(names) + "--:|"]
    for one in evaluations:
        rows = [(one.name, one.questions, one.metrics, f"{one.latency_ms['total']['p50']:.1f}")]
        rows += [(f"– {_cell(part.value)}", part.questions, part.metrics, "") for part in one.slices]
        for name, n, metrics, p50 in rows:
            lines.append(f"| {name} | {n} | {' | '.join(percent(metrics[m].value) for m in names)} | {p50} |")
    return "\n".join(lines) + "\n"
