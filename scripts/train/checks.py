"""How well the reader does on the reports' validation part, each question over all passages of its own article.

No retrieval, no confidence: what training alone is to be judged by, after every epoch.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from rag.documents import split_document
from rag.evaluate.matching import holds, squeeze
from rag.models.reading import Row, lay_out, read_scores
from rag.models.unigram import Unigram
from rag.text import said_years, simplify
from rag.types import Embedder
from scripts.corpora import as_document, reports

_ROWS = 16  # read at a time
_PAD = 1  # XLM-R's


class ReportsCheck:
    """`check(model)` gives the share of right sentences and the AUROC of right against unanswerable."""

    def __init__(self, data: Path, embedder: Embedder, tokenizer: Unigram) -> None:
        self._asked = []  # (language, kind, answer, places in self._rows)
        self._rows: list[tuple[Row, Sequence[tuple[int, int]], str]] = []
        for article in reports(data):
            if article.part != "validation":
                continue
            document = as_document(article)
            passages, sentences = split_document(document, embedder.count_tokens, embedder.max_tokens)
            for question in article.questions:
                first = len(self._rows)
                for passage in passages:
                    text = document.text[passage.start : passage.end]
                    said = said_years(simplify(text), document.date[:4]) if document.date else ""
                    spans = [
                        (s.start - passage.start, s.end - passage.start)
                        for s in sentences
                        if passage.start <= s.start < passage.end
                    ]
                    row = lay_out(tokenizer, question.text, f"{passage.context} {said}".strip(), text)
                    self._rows.append((row, spans, text))
                places = range(first, len(self._rows))
                self._asked.append((question.language, question.kind, question.answer, places))

    def __call__(self, model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> dict[str, float]:
        readings = self._read(model)
        right, score, answerable, languages = [], [], [], []
        for language, _, answer, places in self._asked:
            found = [
                (reading.span_score + reading.relevance, self._rows[place][2][slice(*span)])
                for place in places
                for reading, span in zip(readings[place], self._rows[place][1], strict=True)
            ]
            best, sentence = max(found)
            right.append(bool(answer) and holds(squeeze(sentence), (answer,)))
            score.append(best)
            answerable.append(bool(answer))
            languages.append("zh" if language == "zh" else "en" if language == "en" else "other")
        r, p, a, of = np.array(right), np.array(score), np.array(answerable), np.array(languages)
        judged = r | ~a  # a wrong sentence where there is an answer is neither
        figures = {"right": r[a].mean(), "auroc": roc_auc_score(r[judged], p[judged])}
        figures |= {f"right_{name}": r[a & (of == name)].mean() for name in ("zh", "en", "other")}
        rejected = np.quantile(p[~a], 0.88)
        return {name: float(value) for name, value in figures.items()} | {
            "right_at_88_rejected": float((r[a] & (p[a] > rejected)).mean())
        }

    def _read(self, model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> list:
        order = sorted(range(len(self._rows)), key=lambda place: len(self._rows[place][0].ids))
        readings: list = [None] * len(order)
        for start in range(0, len(order), _ROWS):
            places = order[start : start + _ROWS]
            width = max(len(self._rows[place][0].ids) for place in places)
            ids = torch.full((len(places), width), _PAD)
            for line, place in enumerate(places):
                row = self._rows[place][0].ids
                ids[line, : len(row)] = torch.tensor(row)
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
                scores = model(ids, (ids != _PAD).long()).float().numpy()
            for line, place in enumerate(places):
                given, spans, _ = self._rows[place]
                readings[place] = read_scores(given, spans, scores[line, : len(given.ids)])
        return readings
