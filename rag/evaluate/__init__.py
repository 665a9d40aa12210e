"""Evaluation: any Q&A set through any assistant; metrics, report, comparison.

Reading order: questions, formats, sets (what is asked); matching, metrics, cmrc, scoring (what an answer is worth);
statistics, result, compare (what they say together); run (all of it, in order); report, charts, labels (how it looks).
"""

from rag.evaluate.compare import Comparison, compare, load_run
from rag.evaluate.finish import finish
from rag.evaluate.formats import RgbOptions
from rag.evaluate.local import LocalSubjects
from rag.evaluate.result import Evaluation, missed, parse_floor
from rag.evaluate.run import EvaluationOptions, Subject, SubjectFactory, run_evaluation
from rag.evaluate.sets import checked, open_set

__all__ = [
    "Comparison",
    "Evaluation",
    "EvaluationOptions",
    "LocalSubjects",
    "RgbOptions",
    "Subject",
    "SubjectFactory",
    "checked",
    "compare",
    "finish",
    "load_run",
    "missed",
    "open_set",
    "parse_floor",
    "run_evaluation",
]
