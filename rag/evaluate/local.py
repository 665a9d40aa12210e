"""The assistant of this package as what is evaluated: over the current store, or one built from a set's paragraphs."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from rag.assistant import LocalAssistant, fingerprint_of
from rag.documents import text_document
from rag.errors import StoreError
from rag.evaluate.questions import SourceDocument
from rag.evaluate.run import Subject
from rag.ingest import index_document
from rag.models import load_embedder, load_reader
from rag.progress import Report
from rag.settings import Settings
from rag.store import AnyStore, open_store
from rag.text import build_dictionary, use_dictionary
from rag.weights import Weights, load_weights, own_weights


class LocalSubjects:
    """Meets `rag.evaluate.run.SubjectFactory`. Built stores stay in the cache folder, by content and fingerprint."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        build_dictionary(settings.cache)
        use_dictionary(settings.cache)
        self.embedder = load_embedder(settings)
        self._reader = load_reader(settings)

    def open(self) -> Subject:
        store = open_store(self._settings.where, fingerprint_of(self.embedder))
        return self._subject(store, own_weights(self._settings.store))

    def build(self, documents: Sequence[SourceDocument], key: str, report: Report) -> Subject:
        folder = self._settings.cache / "evaluate" / key
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{key}.lock")):  # another evaluation may want the same store
            self._build(documents, folder, report)
        return self._subject(open_store(folder, fingerprint_of(self.embedder)), load_weights())

    def _build(self, documents: Sequence[SourceDocument], folder: Path, report: Report) -> None:
        fingerprint = fingerprint_of(self.embedder)
        try:
            store = open_store(folder, fingerprint, write=True)
        except StoreError:
            store = open_store(folder, fingerprint, write=True, rebuild=True)
        with closing(store):
            known = store.sources()
            for done, source in enumerate(documents, 1):
                if source.name not in known:
                    document = text_document(source.text, source.name, source.title, source.date)
                    store.add(source.name, [index_document(document, self.embedder)])
                report("embedding", done, len(documents))
            store.refresh()

    def _subject(self, store: AnyStore, weights: Weights) -> Subject:
        assistant = LocalAssistant(store, self.embedder, self._settings, weights, self._reader)
        return Subject(assistant, store, str(store.path), store.close)
