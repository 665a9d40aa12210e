"""What is measured on: news articles with questions about them, or the seeds where there is no development data."""

import json
from dataclasses import dataclass
from pathlib import Path

from rag.documents import passage_text, read_documents, split_document
from rag.types import Document, Embedder
from scripts.corpora import as_document
from scripts.measure.compare_sets import articles

SEEDS = Path(__file__).parents[3] / "seeds"


@dataclass(frozen=True, slots=True)
class Material:
    name: str
    documents: tuple[Document, ...]
    questions: tuple[str, ...]

    def passages(self, embedder: Embedder) -> list[str]:
        """The passages as ingesting embeds them."""
        texts = []
        for document in self.documents:
            passages, _ = split_document(document, embedder.count_tokens, embedder.max_tokens)
            texts += [passage_text(document, passage) for passage in passages]
        return texts

    def write(self, folder: Path) -> Path:
        """Each document as a text file in `folder`."""
        folder.mkdir()
        for number, document in enumerate(self.documents):
            (folder / f"{number:06d}.txt").write_text(f"{document.text}\n", "utf-8")
        return folder


def seeds(questions: int) -> Material:
    """The sample corpus and the questions of its development half that stand by themselves."""
    found = [document for file in sorted(SEEDS.glob("*.txt")) for document in read_documents(file, file.name, 100)]
    lines = map(json.loads, (SEEDS / "qa.jsonl").read_text("utf-8").splitlines())
    asked = [one["question"] for one in lines if one["split"] == "dev" and not one["history"]]
    return Material("the seeds", tuple(found), tuple(asked[:questions]))


def material(data: Path, size: int, questions: int) -> Material:
    """`size` news articles and questions about some of them; the seeds where `data` is not there."""
    if not (data / "news").exists():
        return seeds(questions)
    chosen = articles(data, size)
    asked = [one.questions[0].text for one in chosen if one.questions]
    return Material(f"{len(chosen)} news articles", tuple(map(as_document, chosen)), tuple(asked[:questions]))
