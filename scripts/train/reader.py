#!/usr/bin/env python3
"""Train the reader: a span head and a sentence head on the embedding model's own weights.

    nohup nice python -m scripts.train.reader --stage reading --out /tmp/first &   # start again to go on
    python -m scripts.train.reader --stage reading --out /tmp/first --write /tmp/first.safetensors
    nohup nice python -m scripts.train.reader --start /tmp/first.safetensors --out /tmp/reader &
    python -m scripts.train.reader --out /tmp/reader --write        # into rag/models/reader.safetensors

What is learnt from is told in examples.py, who may see which part of it in scripts/corpora.py. The word embeddings and
the lowest layers stay as they are. Checkpoints and a log (log.jsonl: losses, and after every epoch of the second
stage what the reports' validation part says) stand in --out; the same seed and options give the same reader.
"""

import argparse
import json
import os
import pickle
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rag.models.extra import models_or_exit

models_or_exit("scripts.train.reader")

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rag.models import built_model, load_embedder
from rag.models.bundled import write_model_folder
from rag.models.layout import READER_WEIGHTS_FILE
from rag.models.trained import read_trained, write_trained
from rag.models.unigram import Unigram
from rag.models.weights import find_weights, read_weights
from rag.settings import load_settings
from rag.text import use_dictionary
from scripts.corpora import DATA, ROOT
from scripts.train.checks import ReportsCheck
from scripts.train.examples import Example, Examples

WEIGHTS = ROOT / "rag" / "models" / READER_WEIGHTS_FILE
_PAD = 1  # XLM-R's
_POOL = 50  # batches that are cut from one pool of rows sorted by length
_WIDTH = 32  # tokens; rows are padded to a multiple of it: kernels are made anew for each shape
_AVERAGE = 0.998  # of the averaged weights kept at each step (Polyak & Juditsky 1992)
_MASKED = 0.05  # share of tokens hidden in training, in place of dropout, which is slow on processors


@dataclass(frozen=True, slots=True)
class Batch:
    ids: torch.Tensor  # [rows, tokens]
    mask: torch.Tensor
    answers: torch.Tensor  # [rows, 2]
    spread: torch.Tensor  # [rows, sentences + 1, tokens]: the mean over each sentence's tokens; first the one at <s>
    missing: torch.Tensor  # [rows, sentences + 1]: padding
    gold: torch.Tensor  # [rows]; 0: not answered here


class ReaderModel(nn.Module):
    """BERT encoder and three scores a token: start, end, relevance."""

    def __init__(self, folder: Path, frozen: int) -> None:
        super().__init__()
        from transformers import BertModel

        # "eager": on processors the backward pass of torch's fused attention takes half of each step.
        plain = {"add_pooling_layer": False, "attn_implementation": "eager"}
        undropped = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        self.encoder = BertModel.from_pretrained(folder, **plain, **undropped)
        self.head = nn.Linear(self.encoder.config.hidden_size, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:frozen]):
            part.requires_grad_(False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[rows, tokens] -> [rows, tokens, 3]."""
        return self.head(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)

    def start_from(self, path: Path) -> None:
        """Take over what an earlier stage learnt."""
        learnt = {
            name if name.startswith("head.") else f"encoder.{name}": torch.from_numpy(value)
            for name, value in read_trained(path).items()
        }
        unknown = self.load_state_dict(learnt, strict=False).unexpected_keys
        if unknown:
            sys.exit(f"{path}: {unknown[0]} is not part of this model.")

    def trained(self) -> dict[str, torch.Tensor]:
        return {name: value for name, value in self.named_parameters() if value.requires_grad}


def losses(scores: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of start and end (Devlin et al. 2019), and of the sentence among the passage's and "none"."""
    scores = scores.float()
    edges = scores[..., :2].masked_fill(~batch.mask.bool()[..., None], -1e4)
    span = functional.cross_entropy(edges[..., 0], batch.answers[:, 0]) / 2
    span = span + functional.cross_entropy(edges[..., 1], batch.answers[:, 1]) / 2
    relevance = (batch.spread @ scores[..., 2:]).squeeze(-1).masked_fill(batch.missing, -1e4)
    return span, functional.cross_entropy(relevance, batch.gold)


def collate(examples: Sequence[Example], draw: np.random.Generator | None) -> Batch:
    rows, width = len(examples), max(map(_width, examples))
    most = max(len(one.sentences) for one in examples) + 1
    ids = np.full((rows, width), _PAD)
    spread = np.zeros((rows, most, width), dtype=np.float32)
    missing = np.ones((rows, most), dtype=bool)
    for row, one in enumerate(examples):
        ids[row, : len(one.ids)] = one.ids
        spread[row, 0, 0], missing[row, 0] = 1.0, False
        for place, (first, last) in enumerate(one.sentences, 1):
            if last > first:
                spread[row, place, first:last] = 1 / (last - first)
                missing[row, place] = False
    mask = ids != _PAD
    if draw is not None:
        hidden = draw.random(ids.shape) < _MASKED
        ids = np.where(hidden & (ids > 3), 3, ids)  # the unknown token
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(mask.astype(np.int64)),
        torch.tensor([one.answer for one in examples]),
        torch.from_numpy(spread),
        torch.from_numpy(missing),
        torch.tensor([one.gold + 1 for one in examples]),
    )


def _width(one: Example) -> int:
    return -(-len(one.ids) // _WIDTH) * _WIDTH


def batches(examples: Sequence[Example], tokens: int, draw: random.Random) -> list[list[Example]]:
    """Rows of like length together, about `tokens` a batch; in random order."""
    found: list[list[Example]] = []
    pool = max(1, _POOL * tokens // 150)
    for start in range(0, len(examples), pool):
        batch: list[Example] = []
        for one in sorted(examples[start : start + pool], key=lambda one: len(one.ids)):
            if batch and _width(one) * (len(batch) + 1) > tokens:
                found.append(batch)
                batch = []
            batch.append(one)
        found.append(batch)
    draw.shuffle(found)
    return found


class Training:
    """The loop, its checkpoint and its log; a run that was stopped goes on where it was."""

    def __init__(self, model: ReaderModel, out: Path, options: argparse.Namespace) -> None:
        self.model, self.options = model, options
        self._checkpoint, self._log = out / "checkpoint.pt", out / "log.jsonl"
        self._average = {name: value.detach().clone() for name, value in model.trained().items()}
        decayed = [value for name, value in model.trained().items() if value.ndim > 1]
        others = [value for name, value in model.trained().items() if value.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98), fused=True)
        self.step = 0
        if self._checkpoint.exists():
            state = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(state["model"], strict=False)
            self._optimizer.load_state_dict(state["optimizer"])
            self._average, self.step = state["average"], state["step"]

    def run(self, plan: Sequence[Sequence[Sequence[Example]]], check: ReportsCheck | None) -> None:
        """One step for each batch of each epoch of `plan`; those done before are passed over."""
        started, seen, sums, steps = time.time(), 0, np.zeros(2), sum(map(len, plan))
        ends = set(np.cumsum([len(epoch) for epoch in plan]).tolist())
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        for step, examples in enumerate(batch for epoch in plan for batch in epoch):
            if step < self.step:
                continue
            batch = collate(examples, np.random.default_rng([self.options.seed, step]))
            for group in self._optimizer.param_groups:
                group["lr"] = self.options.rate * _share_of_rate(step, steps)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                scores = self.model(batch.ids, batch.mask)
            span, sentence = losses(scores, batch)
            (span + sentence).backward()
            nn.utils.clip_grad_norm_(self.model.trained().values(), 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self.step = step + 1
            keep = min(_AVERAGE, self.step / (self.step + 10))
            for name, value in self.model.trained().items():
                self._average[name].lerp_(value.detach(), 1 - keep)
            seen += batch.ids.numel()
            sums = 0.98 * sums + 0.02 * np.array([span.item(), sentence.item()])
            if self.step % 25 == 0:
                shown = sums / (1 - 0.98 ** min(self.step, 10_000))
                rate = seen / (time.time() - started)
                self._note(step=self.step, of=steps, span=shown[0], sentence=shown[1], tokens_per_s=rate)
            if self.step % 200 == 0 or self.step == steps:
                self.save()
            if self.step in ends and check:
                self._note(step=self.step, averaged=0, **check(self.model))
                with self.averaged():
                    self._note(step=self.step, averaged=1, **check(self.model))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While entered, the model holds the averaged weights."""
        own = {name: value.detach().clone() for name, value in self.model.trained().items()}
        self.model.load_state_dict(self._average, strict=False)
        try:
            yield
        finally:
            self.model.load_state_dict(own, strict=False)

    def _note(self, **facts: float) -> None:
        facts = {name: round(float(value), 4) for name, value in facts.items()}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
        print("  ".join(f"{name} {value:g}" for name, value in facts.items()), file=sys.stderr, flush=True)

    def save(self) -> None:
        state = {
            "model": self.model.trained(),
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
        }
        temporary = self._checkpoint.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self._checkpoint)


def _share_of_rate(step: int, steps: int) -> float:
    """The learning rate as a share of its peak: up over the first twentieth, then down to nothing in a straight
    line."""
    warm = max(1, steps // 20)
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def planned(options: argparse.Namespace) -> list[list[list[Example]]]:
    """The batches of each epoch; made once, which takes minutes, and kept in --out."""
    kept = options.out / "plan.pickle"
    if not kept.exists():
        print("making the examples ...", file=sys.stderr)
        settings = load_settings()
        use_dictionary(settings.cache)
        tokenizer, embedder = Unigram(built_model(settings.cache)), load_embedder(settings)
        stores = settings.cache / "fit"
        examples = Examples(options.data, embedder, tokenizer, stores, options.seed, options.stage, options.share)
        plan = []
        for number in range(options.epochs):
            draw = random.Random(f"{options.seed}-{number}-order")
            plan.append(batches(examples.epoch(number, options.limit), options.tokens, draw))
        kept.write_bytes(pickle.dumps(plan))
    return pickle.loads(kept.read_bytes())[: options.epochs]


def base_folder(folder: Path) -> Path:
    """The packaged weights in float32, as transformers loads them."""
    if not (folder / "modules.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_model_folder(read_weights(find_weights()), folder)
    return folder


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--stage", choices=("reading", "reports"), default="reports")
    options.add_argument("--start", type=Path, help="what an earlier stage wrote; without it, the embedding model")
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--share", type=float, default=1.0, help="of the reports' training articles, for a curve")
    options.add_argument("--limit", type=int, help="questions an epoch, for a trial")
    options.add_argument("--tokens", type=int, default=3200, help="of a batch")
    options.add_argument("--rate", type=float, default=1e-4)
    options.add_argument("--frozen", type=int, default=4, help="lowest layers that stay as they are")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--write", type=Path, nargs="?", const=WEIGHTS, help="write what --out has learnt")
    options.add_argument("--averaged", action="store_true", help="write the averaged weights")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the training data is not here; give its folder with --data.")
    torch.manual_seed(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        model = ReaderModel(base_folder(Path(scratch)), given.frozen)
    if given.start:
        model.start_from(given.start)
    training = Training(model, given.out, given)
    if given.write:
        write(training, given)
        return
    plan = planned(given)
    training.run(plan, reports_check(given) if given.stage == "reports" else None)


def reports_check(options: argparse.Namespace) -> ReportsCheck:
    settings = load_settings()
    return ReportsCheck(options.data, load_embedder(settings), Unigram(built_model(settings.cache)))


def write(training: Training, options: argparse.Namespace) -> None:
    facts = {"steps": str(training.step), "seed": str(options.seed), "licence": "CC BY-SA 4.0"}
    with training.averaged() if options.averaged else nullcontext():
        learnt = {name: value.detach().numpy() for name, value in training.model.trained().items()}
        learnt = {name.removeprefix("encoder."): value for name, value in learnt.items()}
        write_trained(learnt, options.write, facts)
    megabytes = options.write.stat().st_size / 1e6
    print(f"{options.write.name}: {megabytes:.1f} MB, after {training.step} steps", file=sys.stderr)


if __name__ == "__main__":
    main()
