"""`from rag import Assistant`: documents in, answers out, in one small class."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self

from rag.assistant import LocalAssistant, fingerprint_of
from rag.errors import DocumentMissingError, PathMissingError, RagError, SettingError, StoreMissingError
from rag.filters import filter_of
from rag.ingest import IngestReport, add_text, ingest
from rag.models import load_embedder, load_reader
from rag.settings import Settings, load_settings
from rag.store import AnyStore, open_store
from rag.text import build_dictionary, use_dictionary
from rag.types import Answer, Citation, DocumentSummary, Embedder, Facts, Filter, Hit, Mode, Turn
from rag.types.facts import facts_of, title_of_several
from rag.weights import own_weights

__all__ = ["Answer", "Assistant", "Citation", "DocumentSummary", "Filter", "Hit", "RagError", "Turn"]

Filters = Filter | Mapping[str, object] | None
"""As JSON has it: {"path": "reports/*", "since": "2023", "until": "2024-06", "metadata": {"source": "新华社"}}."""


class Assistant:
    """Answers questions from the documents of one store with exact sentences of them, or says that they do not answer.

    `store` is the folder, or milvus://HOST:PORT (RAG_STORE, "vectorstore"); further settings go by their names
    (`mode="fast"`, see `rag.settings.Settings`). Models are loaded, and the store is opened, when they are first
    needed; where there is no store, the first `add` makes it. Documents are cited relative to the folder that holds the
    store. Safe to share between threads; other processes may read the store meanwhile, and one of all may write. Every
    method raises StoreError, those that answer or add also ModelError; all are RagError.
    """

    def __init__(self, store: str | Path | None = None, **settings: object) -> None:
        """Raises SettingError."""
        for name in settings:
            if name not in Settings.model_fields:
                raise SettingError(name=name, problem_en="there is no such setting.", problem_zh="没有这个设置项。")
        self._settings = load_settings(store=store, **settings)
        self._lock = RLock()
        self._embedder: Embedder | None = None
        self._opened: LocalAssistant | None = None

    def add(
        self,
        path: str | Path | None = None,
        *,
        text: str | None = None,
        title: str = "",
        date: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        """Take in a file, a folder, or a `text`; what was stored of it before is replaced.

        A file that is unchanged is left as it is, unless something is said of it: `title` and `date` ("2024-01-25",
        "2024-01", "2024") are then those of the document, in place of what was found in it, and `metadata` is added to
        its own. A folder gives up files that are gone. A text is stored under its title, or its first words.

        Gives what became of each file. Raises PathMissingError; DocumentError for one file or text that cannot be read
        (of a folder, they are in the report); FactError for a title, date or metadata that cannot be.
        """
        if (path is None) == (text is None):
            raise TypeError("add() takes a path or text=")
        facts = facts_of(title, date, metadata or {})
        if text is not None:
            with self._writing() as (store, embedder):
                return add_text(text, store, embedder, facts or Facts())
        assert path is not None
        if not Path(path).exists():  # told before a model is loaded
            raise PathMissingError(path=path)
        if facts and facts.title and Path(path).is_dir():
            raise title_of_several(path)
        return self._add_files(Path(path), facts)

    def remove(self, path: str) -> int:
        """Remove what is stored of a file, or of all in a folder's archive; the file itself is left alone. How many
        documents there were. Raises PathMissingError where there were none."""
        with self._lock, open_store(self._settings.where, None, write=True) as store:
            removed = store.remove(path)
            store.refresh()
        if not removed:
            raise DocumentMissingError(path=path)
        return removed

    def documents(self) -> list[DocumentSummary]:
        """All that is stored, by path and place in the file; nothing where there is no store yet."""
        try:
            with open_store(self._settings.where, None) as store:
                return store.documents()
        except StoreMissingError:
            return []

    def ask(
        self, question: str, history: Sequence[Turn] = (), mode: Mode | None = None, filters: Filters = None
    ) -> Answer:
        """The answer, which may be an abstention (`answer.status`); deterministic, timings aside.

        `history` are the turns before, oldest first. `mode="fast"` leaves the trained reader out. Nothing is quoted but
        documents that meet `filters`. Raises QuestionError, FilterError, StoreMissingError.
        """
        return self._answering().ask(question, history, mode, filter_of(filters))

    def search(self, question: str, k: int = 8, filters: Filters = None) -> list[tuple[Hit, Citation]]:
        """The `k` nearest passages, best first, each with the citation of its whole text. Raises as `ask` does."""
        return self._answering().find(question, k, filter_of(filters))

    def close(self) -> None:
        """Let go of the store. What is asked next opens it again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add_files(self, path: Path, facts: Facts | None) -> IngestReport:
        with self._writing() as (store, embedder):
            report = ingest(
                [path],
                store,
                embedder,
                base=self._settings.store.resolve().parent,
                limit_mb=self._settings.max_file_mb,
                apart=(self._settings.store,),
                facts=facts,
            )
        if path.is_file() and report.failed:
            raise report.failed[0][1]
        return report

    def _answering(self) -> LocalAssistant:
        with self._lock:
            if self._opened is None:
                embedder = self._model()
                store = open_store(self._settings.where, fingerprint_of(embedder))
                weights, reader = own_weights(self._settings.store), load_reader(self._settings)
                self._opened = LocalAssistant(
                    store, embedder, self._settings, weights, reader, self._settings.answers_cached
                )
            return self._opened

    def _model(self) -> Embedder:
        if self._embedder is None:
            self._embedder = load_embedder(self._settings)
            use_dictionary(build_dictionary(self._settings.cache).parent)
        return self._embedder

    @contextmanager
    def _writing(self) -> Iterator[tuple[AnyStore, Embedder]]:
        with self._lock:
            embedder = self._model()
            with open_store(self._settings.where, fingerprint_of(embedder), write=True) as store:
                yield store, embedder
