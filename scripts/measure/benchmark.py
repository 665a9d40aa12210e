"""Speed, measured here and now, each thing beside what it is compared with.

    python -m scripts.measure.benchmark [encode ingest retrieve answer start limits] [--turns 5] [--busy]
        [--articles 60] [--questions 20] [--json | --markdown] [--picture FILE.svg]

The reference is the plain way to the same: sentence-transformers (torch float32) on the same weights, FAISS flat,
bm25s. All take turns, so that a busy machine is busy for all of them; the ratio of each turn is taken, then the median.
What the stages cost is measured in the same turns.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from rag.models.extra import models_or_exit

models_or_exit("scripts.measure.benchmark")

from rag.models import built_model, load_embedder
from rag.models.encoder import OnnxEmbedder
from rag.settings import load_settings
from rag.text import build_dictionary, use_dictionary
from rag.types import Embedder
from scripts.corpora import DATA
from scripts.measure.speed.asking import Desk, answer, desk, retrieve
from scripts.measure.speed.encoding import encode
from scripts.measure.speed.ingesting import ingest
from scripts.measure.speed.limits import limits
from scripts.measure.speed.material import Material, material, seeds
from scripts.measure.speed.reference import Torch
from scripts.measure.speed.show import markdown, picture, terminal
from scripts.measure.speed.starting import start
from scripts.measure.speed.turns import Section, Turns


class Bench:
    """What the parts share, made when first needed."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options, self._stack = options, stack
        self.turns = Turns(options.turns, options.busy)
        self.settings = load_settings(min_confidence=0.0)
        build_dictionary(self.settings.cache)
        use_dictionary(self.settings.cache)

    @cached_property
    def torch(self) -> Torch:
        return self._stack.enter_context(Torch())

    @cached_property
    def embedder(self) -> Embedder:
        return load_embedder(self.settings)

    @cached_property
    def material(self) -> Material:
        return material(self.options.data, self.options.articles, self.options.questions)

    @cached_property
    def desk(self) -> Desk:
        return self._stack.enter_context(desk(self.material, self.embedder, self.torch, self.settings))

    def limits(self) -> Section:
        threads = self.settings.threads or os.cpu_count() or 1
        encoder = OnnxEmbedder(built_model(self.settings.cache), threads)
        return limits(self.turns, encoder, seeds(0).passages(encoder)[: self.options.passages or 40], threads)


PARTS: dict[str, Callable[[Bench], Section]] = {
    "encode": lambda bench: encode(bench.turns, bench.torch, bench.options.passages),
    "ingest": lambda bench: ingest(bench.turns, bench.torch, bench.embedder, bench.material),
    "retrieve": lambda bench: retrieve(bench.turns, bench.desk),
    "answer": lambda bench: answer(bench.turns, bench.desk),
    "start": lambda bench: start(bench.turns, bench.torch, bench.embedder, bench.material),
    "limits": Bench.limits,
}


def measured(parts: Sequence[str], options: argparse.Namespace) -> Iterator[Section]:
    with ExitStack() as stack:
        bench = Bench(options, stack)
        for part in parts:
            print(f"{part} ...", file=sys.stderr, flush=True)
            yield PARTS[part](bench)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)} (all)")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--busy", action="store_true", help="processor seconds, where the machine has other work too")
    parser.add_argument("--articles", type=int, default=60, help="news articles to take in and ask (60)")
    parser.add_argument("--questions", type=int, default=20, help="asked about them, one after the other (20)")
    parser.add_argument("--passages", type=int, help="of the seeds, to encode (all)")
    parser.add_argument("--data", type=Path, default=DATA, help="the development data; without it the seeds are taken")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="figures for programs")
    form.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw what the stages cost")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if min(options.turns, options.articles, options.questions) < 1:
        parser.error("--turns, --articles and --questions are 1 or more")
    warnings.simplefilter("ignore")
    sections = list(measured(options.parts or list(PARTS), options))
    if options.picture:
        options.picture.write_text(picture(sections), encoding="utf-8")
    if options.json:
        print(json.dumps([asdict(one) for one in sections], ensure_ascii=False, indent=2))
    elif options.markdown:
        print(markdown(sections), end="")
    else:
        terminal(sections)


if __name__ == "__main__":
    main()
