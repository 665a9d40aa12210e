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
