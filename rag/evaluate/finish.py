"""The last words of `rag eval`: what was measured, on standard output, and whether it is good enough."""

import json
import sys
from collections.abc import Sequence

from rag.evaluate.labels import Language, metric_label
from rag.evaluate.report import asked_line, percent
from rag.evaluate.result import Evaluation, missed, parse_floor

_SHOWN = (
    *("accuracy", "answer_accuracy", "sentence@1", "sentence@3", "citation", "abstention_precision"),
    *("abstention_recall", "nearest", "document@1", "recall@1", "recall@5", "mrr@10", "f1", "verbatim", "ece"),
)


def finish(evaluation: Evaluation, fail_under: Sequence[str], as_json: bool, language: Language = "en") -> int:
    """Print the metrics, as one JSON object or as a few lines, and one line on standard error for each floor not held.

    Returns the exit code: 1 where a floor was not held. Raises SettingError for a floor that names no metric.
    """
    floors = [parse_floor(text) for text in fail_under]
    if as_json:
        print(json.dumps(evaluation.to_json(), ensure_ascii=False))
    else:
        print(asked_line(evaluation.asked, language))
        print(f"{evaluation.name}: {evaluation.right}/{evaluation.questions}")
        for name in _SHOWN:
            estimate = evaluation.metrics[name]
            if estimate.n:
                value, low, high = map(percent, (estimate.value, estimate.low, estimate.high))
                print(f"{metric_label(name, language)[0]:<42} {value:>8}   [{low}, {high}]   n = {estimate.n}")
    lines = missed(evaluation, floors)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0
