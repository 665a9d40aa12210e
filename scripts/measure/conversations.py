#!/usr/bin/env python3
"""Follow-ups: how many of those whose standalone question is answered right are answered right as a follow-up.

    python -m scripts.measure.conversations [--split dev] [--pairs 300] [--data ../shared/data] [--failures] [--json]

Two sets: seeds/conversations.jsonl over the current store (first: rag ingest seeds), and
seeds/conversations-xquad.jsonl over XQuAD's paragraphs. The second holds only what was written for it, the last turns;
first questions, answers and paragraphs are named by [article, paragraph, question] and read from the data folder, and
the set is left out where that is not there.

A conversation "carries" where its last turn leaves out something that stands in the history. Otherwise the subject
changes, and the history should make no difference. `--pairs N` adds up to N changes of subject a set and half, made of
two questions that have nothing to do with each other: from seeds/qa.jsonl by its halves, from XQuAD by article (even:
dev, odd: test).
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rag.evaluate import LocalSubjects, Subject, open_set
from rag.evaluate.matching import sentence_around
from rag.evaluate.metrics import citation_is_right, is_right
from rag.evaluate.questions import Question
from rag.progress import shown
from rag.settings import load_settings
from rag.types import Answer, Turn
from rag.weights import load_weights

ROOT = Path(__file__).parents[2]
OWN = ROOT / "seeds" / "conversations.jsonl"
CROSSED = ROOT / "seeds" / "conversations-xquad.jsonl"


@dataclass(frozen=True)
class Conversation:
    question: Question  # the last turn, with its history
    standalone: str  # what it means, as a person wrote it
    carries: bool


@dataclass(frozen=True)
class Outcome:
    """Whether the standalone question, and the last turn in its place, was answered right; "best" is the same without
    abstaining."""

    id: str
    kind: str
    split: str
    carries: bool
    question: str
    standalone: str
    read: str
    alone: bool
    followed: bool
    alone_best: bool
    followed_best: bool
    ms: float


# --- the two sets ------------------------------------------------------------------------------------------------


def read_own() -> list[Conversation]:
    return [
        _conversation(row, tuple(row["answers"]), tuple(row["doc"]), [Turn(*turn) for turn in row["history"]])
        for row in _rows(OWN)
    ]


def read_crossed(data: Path, language: str) -> list[Conversation]:
    """A user's turn is XQuAD's question, an assistant's the sentence that holds its answer."""
    articles = json.loads((data / f"xquad.{language}.json").read_text("utf-8"))["data"]
    before = [sum(len(one["paragraphs"]) for one in articles[:n]) for n in range(len(articles))]
    found = []
    for row in _rows(CROSSED):
        if row["language"] == language:
            article, paragraph, number = row["answers"]
            golds = articles[article]["paragraphs"][paragraph]["qas"][number]["answers"]
            document = f"xquad.{language}/{before[article] + paragraph + 1:05}.txt"
            history = [_said(role, articles, *reference) for role, reference in row["history"]]
            found.append(_conversation(row, tuple(gold["text"] for gold in golds), (document,), history))
    return found


def pairs(sources: Sequence[tuple[Question, str]], most: int) -> list[Conversation]:
    """Each question after one of another source of its half; always the same pairs."""
    chance, found = random.Random(0), []
    for split in ("dev", "test"):
        half = [one for one in sources if one[0].split == split]
        for question, source in chance.sample(half, min(most, len(half))):
            before = chance.choice([other.question for other, elsewhere in half if elsewhere != source])
            asked = replace(question, kind="pair", history=(Turn("user", before),))
            found.append(Conversation(asked, question.question, carries=False))
    return found


def _own_questions() -> list[tuple[Question, str]]:
    """Those that have an answer and no history, each with its document."""
    asked = open_set(ROOT / "seeds" / "qa.jsonl").questions()
    return [(one, one.documents[0]) for one in asked if one.answerable and not one.history]


def _crossed_questions(path: Path) -> list[tuple[Question, str]]:
    """Each with its article."""
    articles = json.loads(path.read_text("utf-8"))["data"]
    numbers = [n for n, one in enumerate(articles) for paragraph in one["paragraphs"] for _ in paragraph["qas"]]
    asked = zip(open_set(path).questions(), numbers, strict=True)
    return [(replace(one, split="test" if n % 2 else "dev"), str(n)) for one, n in asked]


def _said(role: str, articles: Any, article: int, paragraph: int, number: int) -> Turn:
    source = articles[article]["paragraphs"][paragraph]
    asked = source["qas"][number]
    if role == "user":
        return Turn("user", asked["question"])
    at, text = asked["answers"][0]["answer_start"], asked["answers"][0]["text"]
    start, end = sentence_around(source["context"], at, at + len(text))
    return Turn("assistant", source["context"][start:end])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text("utf-8").splitlines())


def _conversation(
    row: dict[str, Any], answers: tuple[str, ...], documents: tuple[str, ...], history: Sequence[Turn]
) -> Conversation:
    question = Question(
        id=row["id"],
        question=row["question"],
        answers=(answers,),
        documents=documents,
        kind=row["kind"],
        history=tuple(history),
        split=row["split"],
    )
    return Conversation(question, row["standalone"], row["carries"])


# --- measuring ---------------------------------------------------------------------------------------------------


def measure(conversations: Sequence[Conversation], subject: Subject, least: float) -> Iterator[Outcome]:
    """Asked of an assistant that never abstains; an answer counts as shown from the confidence `least` on."""
    for one in conversations:
        question = one.question
        alone = subject.assistant.ask(one.standalone)
        followed = subject.assistant.ask(question.question, question.history)
        right = [_is_right(question, answer) for answer in (alone, followed)]
        yield Outcome(
            id=question.id,
            kind=question.kind,
            split=question.split or "",
            carries=one.carries,
            question=question.question,
            standalone=one.standalone,
            read=followed.standalone_question,
            alone=right[0] and alone.confidence >= least,
            followed=right[1] and followed.confidence >= least,
            alone_best=right[0],
            followed_best=right[1],
            ms=followed.timings_ms["total"],
        )


def _is_right(question: Question, answer: Answer) -> bool:
    """The text holds the answer, and a citation comes from the right document."""
    cited = any(citation_is_right(citation, question.documents, ()) for citation in answer.citations)
    return cited and is_right(question, answer)


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | int]:
    """`kept`: of the follow-ups whose standalone question is answered right, the share answered right. `lost`: of all
    changes of subject, the share answered right alone less the share answered right after a history."""
    carried, changed = ([one for one in outcomes if one.carries is carries] for carries in (True, False))
    times = sorted(one.ms for one in outcomes)
    return {
        "follow-ups": len(carried),
        "alone": sum(one.alone for one in carried),
        "kept": _share([one.followed for one in carried if one.alone]),
        "alone_best": sum(one.alone_best for one in carried),
        "kept_best": _share([one.followed_best for one in carried if one.alone_best]),
        "changes": len(changed),
        "lost": _share([one.alone for one in changed]) - _share([one.followed for one in changed]),
        "lost_best": _share([one.alone_best for one in changed]) - _share([one.followed_best for one in changed]),
        "ms": times[len(times) // 2] if times else 0.0,
    }


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> None:
    options = argparse.ArgumentParser(description="How well follow-ups are understood.")
    options.add_argument("--split", choices=("dev", "test"), help="only this half")
    options.add_argument("--pairs", type=int, default=0, metavar="N", help="also N changes of subject a set and half")
    options.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options.add_argument("--failures", action="store_true", help="also list what went wrong, and how it was read")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    settings = load_settings(min_confidence=0.0)
    configured = load_settings().min_confidence
    weights = getattr(load_weights(), settings.mode)
    least = weights.min_confidence(settings.max_risk) if configured is None else configured
    subjects = LocalSubjects(settings)
    outcomes: dict[str, list[Outcome]] = {}

    def add(name: str, conversations: Sequence[Conversation], subject: Subject) -> None:
        wanted = [one for one in conversations if given.split in (None, one.question.split)]
        try:
            outcomes[name] = list(measure(wanted, subject, least))
        finally:
            subject.close()

    add("seeds", read_own() + pairs(_own_questions(), given.pairs), subjects.open())
    folder = given.data / "xquad"
    if folder.exists():
        for language in ("zh", "en"):
            (bundle,) = open_set(folder / f"xquad.{language}.json").read()
            with shown(given.json) as report:
                subject = subjects.build(bundle.documents, bundle.key, report)
            mixed = pairs(_crossed_questions(folder / f"xquad.{language}.json"), given.pairs)
            add(f"xquad.{language}", read_crossed(folder, language) + mixed, subject)
    else:
        print(
            f"{folder}: XQuAD is not here, its conversations are left out; name the data with --data.", file=sys.stderr
        )
    show(outcomes, given.failures, given.json)


def show(outcomes: dict[str, list[Outcome]], failures: bool, as_json: bool) -> None:
    splits = sorted({one.split for found in outcomes.values() for one in found})
    table = {
        split: {
            name: figures([one for one in found if one.split == split])
            for name, found in [*outcomes.items(), ("all", [one for found in outcomes.values() for one in found])]
        }
        for split in splits
    }
    if as_json:
        rows = [asdict(one) for found in outcomes.values() for one in found]
        print(json.dumps({"figures": table, "outcomes": rows}, ensure_ascii=False))
        return
    print("| half | documents | follow-ups | right alone | kept | kept, never abstaining | changes | lost | ms |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for split, sets in table.items():
        for name, f in sets.items():
            print(
                f"| {split} | {name} | {f['follow-ups']} | {f['alone']} | {f['kept']:.3f} | {f['kept_best']:.3f} of "
                f"{f['alone_best']} | {f['changes']} | {f['lost']:.3f} | {f['ms']:.0f} |"
            )
    for one in (one for found in outcomes.values() if failures for one in found):
        if one.alone_best and not (one.followed and one.followed_best) and (one.alone or not one.followed_best):
            print(f"\n{one.id} {one.kind}: {one.question}\n  means: {one.standalone}\n  read:  {one.read}", end="")
            print(" (right, but held back)" if one.followed_best else "")


if __name__ == "__main__":
    main()
