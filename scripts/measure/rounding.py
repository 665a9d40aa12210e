#!/usr/bin/env python3
"""What int8 costs: how often the right paragraph is the nearest, by our vectors and by float32's of the same weights.

    python -m scripts.measure.rounding [--data ../shared/data] [--questions N]

XQuAD's 240 Chinese paragraphs with their 1,190 questions, and DRCD's 1,000 of the development set with their 3,524;
`--questions` takes so many of each, evenly spread. Texts are whole paragraphs, cut where the model's input ends.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rag.models.extra import models_or_exit

models_or_exit("scripts.measure.rounding")

from rag.models import load_embedder
from rag.progress import Report, shown
from rag.settings import load_settings
from rag.types import Vectors
from scripts.corpora import DATA, drcd, xquad
from scripts.measure.speed.reference import NAME, Torch

_SLICE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--questions", type=int, help="of each set (all)")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: no data there; say where it lies with --data.")
    sets = {"XQuAD zh": xquad(given.data, "zh"), "DRCD": drcd(given.data)[:1000]}
    ours = load_embedder(load_settings())
    print(
        "| set | questions | int8 R@1 | float32 R@1 | only int8 right | only float32 right |\n|---|--:|--:|--:|--:|--:|"
    )
    with Torch() as torch, shown() as report:
        for name, paragraphs in sets.items():
            asked = [(one.text, place) for place, paragraph in enumerate(paragraphs) for one in paragraph.questions]
            asked = asked[:: max(1, len(asked) // (given.questions or len(asked)))]
            texts, questions = [paragraph.text for paragraph in paragraphs], [text for text, _ in asked]
            right = []
            for how, embed, ask in (
                ("int8", ours.embed_passages, ours.embed_questions),
                (NAME, torch.passages, torch.questions),
            ):
                held = embedded(embed, texts, report, f"{name}, {how}, paragraphs")
                nearest = embedded(ask, questions, report, f"{name}, {how}, questions") @ held.T
                right.append(nearest.argmax(axis=1) == [place for _, place in asked])
            mine, plain = right
            print(
                f"| {name} | {len(asked):,} | {mine.mean():.4f} | {plain.mean():.4f} | {(mine & ~plain).sum()} | "
                f"{(plain & ~mine).sum()} |",
                flush=True,
            )


def embedded(embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str], report: Report, what: str) -> Vectors:
    found = []
    for start in range(0, len(texts), _SLICE):
        found.append(embed(texts[start : start + _SLICE]))
        report(what, min(start + _SLICE, len(texts)), len(texts))
    return np.concatenate(found)


if __name__ == "__main__":
    main()
