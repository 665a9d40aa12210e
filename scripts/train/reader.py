#!/usr/bin/env python3
"""Train the reader: a span head and a sentence head on the embedding model's own weights.

    nohup nice python -m scripts.train.reader --out /tmp/reader &   # hours on two cores; start again to go on
    python -m scripts.train.reader --out /tmp/reader --write        # into rag/models/reader.safetensors

What is learnt from is told in examples.py, who may see which part of it in scripts/corpora.py. The word embeddings and
the lowest layers stay as they are. Checkpoints, a log with the losses (log.jsonl) and the learning curve
stand in --out; the same seed and options give the same reader.
"""

import argparse
import json
import os
import pickle
import random
import sys
import tempfile
import time
from collections.abc import Sequence
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
from rag.models.trained import write_trained
from rag.models.unigram import Unigram
from rag.models.weights import find_weights, read_weights
from rag.settings import load_settings
from rag.text import use_dictionary
from scripts.corpora import DATA, ROOT
from scripts.train.examples import Example, Examples

WEIGHTS = ROOT / "rag" / "models" / READER_WEIGHTS_FILE
_PAD = 1  # XLM-R's
_POOL = 50  # batches that are cut from one pool of rows sorted by length
_RESTART = 0.6  # rate of the second epoch and later, as a share of the first one's
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

        self.encoder = BertModel.from_pretrained(
            folder, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        self.head = nn.Linear(self.encoder.config.hidden_size, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:frozen]):
            part.requires_grad_(False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[rows, tokens] -> [rows, tokens, 3]."""
        return self.head(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)

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
    rows, width = len(examples), max(len(one.ids) for one in examples)
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


def batches(examples: Sequence[Example], tokens: int, draw: random.Random) -> list[list[Example]]:
    """Rows of like length together, about `tokens` a batch; in random order."""
    found: list[list[Example]] = []
    pool = max(1, _POOL * tokens // 150)
    for start in range(0, len(examples), pool):
        batch: list[Example] = []
        for one in sorted(examples[start : start + pool], key=lambda one: len(one.ids)):
            if batch and len(one.ids) * (len(batch) + 1) > tokens:
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
        decayed = [value for name, value in model.trained().items() if value.ndim > 1]
        others = [value for name, value in model.trained().items() if value.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
        self.step = 0
        if self._checkpoint.exists():
            state = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(state["model"], strict=False)
            self._optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def run(self, plan: Sequence[Sequence[Sequence[Example]]]) -> None:
        """One step for each batch of each epoch of `plan`; those done before are passed over."""
        started, seen, sums, steps = time.time(), 0, np.zeros(2), sum(map(len, plan))
        rates = [self.options.rate * share for number, epoch in enumerate(plan) for share in _cycle(number, len(epoch))]
        torch.set_num_threads(os.cpu_count() or 1)
        for step, examples in enumerate(batch for epoch in plan for batch in epoch):
            if step < self.step:
                continue
            batch = collate(examples, np.random.default_rng([self.options.seed, step]))
            for group in self._optimizer.param_groups:
                group["lr"] = rates[step]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                scores = self.model(batch.ids, batch.mask)
            span, sentence = losses(scores, batch)
            (span + sentence).backward()
            nn.utils.clip_grad_norm_(self.model.trained().values(), 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self.step = step + 1
            seen += batch.ids.numel()
            sums = 0.98 * sums + 0.02 * np.array([span.item(), sentence.item()])
            if self.step % 25 == 0:
                shown = sums / (1 - 0.98 ** min(self.step, 10_000))
                rate = seen / (time.time() - started)
                self._note(step=self.step, of=steps, span=shown[0], sentence=shown[1], tokens_per_s=rate)
            if self.step % 500 == 0 or self.step == steps:
                self.save()

    def _note(self, **facts: float) -> None:
        facts = {name: round(float(value), 4) for name, value in facts.items()}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
        print("  ".join(f"{name} {value:g}" for name, value in facts.items()), file=sys.stderr, flush=True)

    def save(self) -> None:
        state = {"model": self.model.trained(), "optimizer": self._optimizer.state_dict(), "step": self.step}
        temporary = self._checkpoint.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self._checkpoint)


def _cycle(number: int, steps: int) -> list[float]:
    """Learning rates of an epoch as shares: up over its first twentieth, then down to nothing in a straight line.

    With warm restarts (Loshchilov & Hutter 2017), the later ones lower: after every epoch stands a finished reader, and
    another epoch can be added to it.
    """
    warm, peak = max(1, steps // 20), 1.0 if number == 0 else _RESTART
    return [peak * min((step + 1) / warm, (steps - step) / max(1, steps - warm)) for step in range(steps)]


def planned(options: argparse.Namespace) -> list[list[list[Example]]]:
    """The batches of each epoch; made once, which takes minutes, and kept in --out."""
    kept = options.out / "plan.pickle"
    if not kept.exists():
        print("making the examples ...", file=sys.stderr)
        settings = load_settings()
        use_dictionary(settings.cache)
        tokenizer, embedder = Unigram(built_model(settings.cache)), load_embedder(settings)
        examples = Examples(options.data, embedder, tokenizer, settings.cache / "fit", options.seed)
        plan = []
        for number in range(options.epochs):
            draw = random.Random(f"{options.seed}-{number}-order")
            plan.append(batches(examples.epoch(number, options.limit), options.tokens, draw))
        kept.write_bytes(pickle.dumps(plan))
    return pickle.loads(kept.read_bytes())


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
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--limit", type=int, help="questions an epoch, for a trial")
    options.add_argument("--tokens", type=int, default=2400, help="of a batch")
    options.add_argument("--rate", type=float, default=1.5e-4)
    options.add_argument("--frozen", type=int, default=4, help="lowest layers that stay as they are")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--write", action="store_true", help="write rag/models/reader.safetensors from --out")
    given = options.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: the training data is not here; give its folder with --data.")
    torch.manual_seed(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        model = ReaderModel(base_folder(Path(scratch)), given.frozen)
    training = Training(model, given.out, given)
    if given.write:
        learnt = {name.removeprefix("encoder."): value.detach().numpy() for name, value in model.trained().items()}
        write_trained(
            learnt, WEIGHTS, {"steps": str(training.step), "seed": str(given.seed), "licence": "CC BY-SA 4.0"}
        )
        print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e6:.1f} MB, after {training.step} steps", file=sys.stderr)
        return
    training.run(planned(given))


if __name__ == "__main__":
    main()
