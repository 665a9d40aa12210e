"""The project's own Q&A set: its gold is in the documents, its halves are balanced."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from rag.documents import read_documents


@pytest.fixture(scope="module")
def questions(seeds: Path) -> list[dict]:
    return [json.loads(line) for line in (seeds / "qa.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def texts(seeds: Path) -> dict[str, str]:
    """Canonical text by file name, without white space."""
    return {
        file.name: re.sub(r"\s", "", "\n".join(d.text for d in read_documents(file, file.name, 20)))
        for file in seeds.glob("*.txt")
    }


def test_every_gold_string_stands_in_the_documents(questions: list[dict], texts: dict[str, str]) -> None:
    for question in questions:
        for answer in question["answers"]:
            squeezed = re.sub(r"\s", "", answer)
            assert any(squeezed in texts[name] for name in question["doc"]), (question["id"], answer)


def test_the_set_is_large_and_its_halves_are_alike(questions: list[dict]) -> None:
    assert len(questions) >= 120
    assert len({question["id"] for question in questions}) == len(questions)
    assert sum(not question["answers"] for question in questions) >= 30
    kinds = {split: Counter(q["kind"] for q in questions if q["split"] == split) for split in ("dev", "test")}
    assert all(abs(kinds["dev"][kind] - kinds["test"][kind]) <= 1 for kind in kinds["dev"] | kinds["test"])


def test_unanswerable_questions_name_no_document(questions: list[dict]) -> None:
    assert all(bool(question["answers"]) == bool(question["doc"]) for question in questions)


def test_the_hard_questions_ask_nothing_of_the_test_half(
    seeds: Path, questions: list[dict], texts: dict[str, str]
) -> None:
    hard = lines(seeds.parent / "scripts" / "train" / "hard_questions.jsonl")
    asked = {question["question"] for question in questions if question["split"] == "test"}
    gold = {
        (name, re.sub(r"\s", "", a))
        for q in questions
        if q["split"] == "test"
        for name in q["doc"] or ()
        for a in q["answers"]
    }
    assert len({question["id"] for question in hard}) == len({question["question"] for question in hard}) == len(hard)
    for question in hard:
        assert question["question"] not in asked
        assert bool(question["answers"]) == bool(question["doc"]) == (question["kind"] != "unanswerable")
        for name in question["doc"] or ():
            for answer in (re.sub(r"\s", "", answer) for answer in question["answers"]):
                assert not any(where == name and (answer in one or one in answer) for where, one in gold), question[
                    "id"
                ]
        assert all(any(re.sub(r"\s", "", a) in texts[n] for n in question["doc"] or ()) for a in question["answers"])


# --- conversations -----------------------------------------------------------------------------------------------


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_answer_of_a_conversation_stands_in_its_document(seeds: Path, texts: dict[str, str]) -> None:
    for one in lines(seeds / "conversations.jsonl"):
        for answer in one["answers"]:
            assert re.sub(r"\s", "", answer) in texts[one["doc"][0]], (one["id"], answer)


def test_the_conversations_are_many_and_their_halves_are_alike(seeds: Path) -> None:
    both = lines(seeds / "conversations.jsonl") + lines(seeds / "conversations-xquad.jsonl")
    assert len(both) >= 120
    assert len({one["id"] for one in both}) == len(both)
    assert sum(not one["carries"] for one in both) >= 25
    halves = Counter((one["split"], one["carries"]) for one in both)
    assert abs(halves["dev", True] - halves["test", True]) <= 3
    assert halves["dev", False] == halves["test", False]
    for one in both:
        assert one["history"][0][0] == "user"
        assert one["carries"] == (one["question"] != one["standalone"]), one["id"]


def test_conversations_over_xquad_hold_references_only(seeds: Path) -> None:
    for one in lines(seeds / "conversations-xquad.jsonl"):
        for reference in [one["answers"], *(turn[1] for turn in one["history"])]:
            assert len(reference) == 3, one["id"]
            assert all(isinstance(number, int) for number in reference), one["id"]
