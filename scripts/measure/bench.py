"""What the measurements of reading share: the models, opened once, and the questions."""

from pathlib import Path

from rag.assistant import LocalAssistant
from rag.evaluate.matching import holds, squeeze
from rag.models import load_embedder, load_reader
from rag.settings import Settings, load_settings
from rag.text import use_dictionary
from rag.types import Answer, Store
from scripts.corpora import Asked, as_document, built, xquad


class Bench:
    """The models, opened once, and the sets."""

    def __init__(self, data: Path, every: int) -> None:
        self.settings: Settings = load_settings(min_confidence=0.0)
        use_dictionary(self.settings.cache)
        self.embedder, self.reader = load_embedder(self.settings), load_reader(self.settings)
        self.data, self.every = data, every
        self.folder = self.settings.cache / "fit"

    def assistant(self, store: Store, **settings: object) -> LocalAssistant:
        return LocalAssistant(store, self.embedder, self.settings.model_copy(update=settings), reader=self.reader)

    def xquad_store(self) -> Store:
        return built([as_document(one) for one in xquad(self.data, "zh")], self.embedder, self.folder / "xquad-zh")

    def odd(self, language: str) -> list[Asked]:
        """Questions of XQuAD's odd articles in `language`; answers and paragraphs are the Chinese ones."""
        pairs = zip(xquad(self.data, language), xquad(self.data, "zh"), strict=True)
        found = [
            Asked(asked.text, (gold.answer,), (over.name,))
            for paragraph, over in pairs
            if over.part == "test"
            for asked, gold in zip(paragraph.questions, over.questions, strict=True)
        ]
        return found[:: self.every]


def show(name: str, **figures: float) -> dict[str, float]:
    print(f"  {name:<22}" + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()), flush=True)
    return figures


def first_is_right(answer: Answer, one: Asked) -> bool:
    """sentence@1: the first sentence holds the answer and is cited from its document."""
    if not answer.sentences or answer.citations[0].path not in one.paths:
        return False
    return holds(squeeze(answer.sentences[0].text), one.answers)
