"""The systems that compare.py compares, each used as its own documentation says, and how one is measured.

    python compare_systems.py SYSTEM TASK.json RESULT.json

Run in the environment of the system: only `Ours` may import this project. A system loads in `__init__`, takes the
passages in with `index`, and gives the numbers of the best ones, best first, with `search`.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

_WARM_UP = 3  # questions asked before the clock runs
_DEPTH = 5
T = TypeVar("T")


class Bm25s:
    """github.com/xhluca/bm25s, README, with jieba's words since its own tokenizer knows no Chinese."""

    title = "bm25s, jieba words"

    def __init__(self, weights: str) -> None:
        import bm25s
        import jieba

        jieba.initialize()
        self._words = jieba.lcut_for_search
        self._retriever = bm25s.BM25()

    def index(self, passages: Sequence[str]) -> None:
        self._retriever.index([self._words(text) for text in passages], show_progress=False)

    def search(self, question: str, k: int) -> list[int]:
        found, _ = self._retriever.retrieve([self._words(question)], k=k, show_progress=False)
        return [int(i) for i in found[0]]


class SentenceTransformers:
    """sbert.net, "Semantic Search", with a flat FAISS index."""

    title = "sentence-transformers + FAISS"

    def __init__(self, weights: str) -> None:
        import faiss
        from sentence_transformers import SentenceTransformer

        self._faiss = faiss
        self._model = SentenceTransformer(weights)

    def index(self, passages: Sequence[str]) -> None:
        vectors = self._model.encode_document(list(passages), normalize_embeddings=True)
        self._index = self._faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, question: str, k: int) -> list[int]:
        vectors = self._model.encode_query([question], normalize_embeddings=True)
        return [int(i) for i in self._index.search(vectors, k)[1][0]]


class Txtai:
    """neuml.github.io/txtai, "Embeddings": dense, the default."""

    title = "txtai"
    hybrid = False

    def __init__(self, weights: str) -> None:
        from txtai import Embeddings

        instructions = {"query": "query: ", "data": "passage: "}
        self._embeddings = Embeddings(path=weights, instructions=instructions, hybrid=self.hybrid)

    def index(self, passages: Sequence[str]) -> None:
        self._embeddings.index(passages)

    def search(self, question: str, k: int) -> list[int]:
        return [int(i) for i, _ in self._embeddings.search(question, k)]


class TxtaiHybrid(Txtai):
    title = "txtai, hybrid"
    hybrid = True


class Haystack:
    """docs.haystack.deepset.ai, "SentenceTransformersDocumentEmbedder", in-memory store."""

    title = "Haystack"

    def __init__(self, weights: str) -> None:
        from haystack import Document, Pipeline
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
            SentenceTransformersTextEmbedder,
        )

        self._document = Document
        self._store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        self._embedder = SentenceTransformersDocumentEmbedder(model=weights, prefix="passage: ", progress_bar=False)
        self._embedder.warm_up()
        self._pipeline = Pipeline()
        asking = SentenceTransformersTextEmbedder(model=weights, prefix="query: ", progress_bar=False)
        self._pipeline.add_component("embedder", asking)
        self._pipeline.add_component("retriever", InMemoryEmbeddingRetriever(self._store))
        self._pipeline.connect("embedder.embedding", "retriever.query_embedding")
        self._pipeline.warm_up()

    def index(self, passages: Sequence[str]) -> None:
        documents = [self._document(content=text, meta={"number": i}) for i, text in enumerate(passages)]
        self._store.write_documents(self._embedder.run(documents)["documents"])

    def search(self, question: str, k: int) -> list[int]:
        found = self._pipeline.run({"embedder": {"text": question}, "retriever": {"top_k": k}})
        return [document.meta["number"] for document in found["retriever"]["documents"]]


class LlamaIndex:
    """docs.llamaindex.ai, "Vector Store Index", with HuggingFaceEmbedding; one node a passage."""

    title = "LlamaIndex"

    def __init__(self, weights: str) -> None:
        from llama_index.core import VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._node, self._vector_index = TextNode, VectorStoreIndex
        prefixes = {"query_instruction": "query: ", "text_instruction": "passage: "}
        self._model = HuggingFaceEmbedding(model_name=weights, **prefixes)

    def index(self, passages: Sequence[str]) -> None:
        nodes = [self._node(id_=str(i), text=text) for i, text in enumerate(passages)]
        self._retriever = self._vector_index(nodes, embed_model=self._model).as_retriever(similarity_top_k=_DEPTH)

    def search(self, question: str, k: int) -> list[int]:
        return [int(found.node.node_id) for found in self._retriever.retrieve(question)]


class LangChain:
    """docs.langchain.com, "FAISS" and "Hugging Face" integrations."""

    title = "LangChain + FAISS"

    def __init__(self, weights: str) -> None:
        from langchain_community.vectorstores import FAISS
        from langchain_huggingface import HuggingFaceEmbeddings

        self._faiss = FAISS
        passage, query = {"prompt": "passage: "}, {"prompt": "query: "}
        self._model = HuggingFaceEmbeddings(model_name=weights, encode_kwargs=passage, query_encode_kwargs=query)

    def index(self, passages: Sequence[str]) -> None:
        numbers = [{"number": i} for i in range(len(passages))]
        self._store = self._faiss.from_texts(list(passages), self._model, metadatas=numbers)

    def search(self, question: str, k: int) -> list[int]:
        return [document.metadata["number"] for document in self._store.similarity_search(question, k=k)]


class Ours:
    """This project: its own int8 model made of the same weights, on-disk store, dense and word search together.

    It takes in the documents and cuts them itself; what it finds is told by document.
    """

    title = "this project"
    documents: Sequence[tuple[str, str | None]] = ()  # text and date

    def __init__(self, weights: str) -> None:
        from rag.models import load_embedder, load_reader
        from rag.settings import load_settings
        from rag.text import build_dictionary, use_dictionary

        self._settings = load_settings()
        build_dictionary(self._settings.cache)
        use_dictionary(self._settings.cache)
        self._embedder, self._reader = load_embedder(self._settings), load_reader(self._settings)

    def index(self, passages: Sequence[str]) -> None:
        from rag.assistant import LocalAssistant, fingerprint_of
        from rag.documents import text_document
        from rag.ingest import index_document
        from rag.store import open_store

        self._folder = tempfile.TemporaryDirectory()
        store = open_store(self._folder.name, fingerprint_of(self._embedder), write=True)
        for i, (text, date) in enumerate(self.documents):
            store.add(str(i), [index_document(text_document(text, str(i), "", date), self._embedder)])
        store.refresh()
        self._numbers = {summary.id: int(summary.path) for summary in store.documents()}
        self._assistant = LocalAssistant(store, self._embedder, self._settings, reader=self._reader)

    def search(self, question: str, k: int) -> list[int]:
        return [self._numbers[hit.passage.document_id] for hit in self._assistant.search(question, k)]

    def first_sentence(self, question: str) -> str:
        sentences = self._assistant.ask(question).sentences
        return sentences[0].text if sentences else ""


SYSTEMS = {
    one.__name__.lower(): one
    for one in (Bm25s, SentenceTransformers, Txtai, TxtaiHybrid, Haystack, LlamaIndex, LangChain, Ours)
}


def measure(system: str, task: dict[str, Any]) -> dict[str, Any]:
    """Load, ingest, ask; times in seconds, the question's in milliseconds, memory in MB. `found` are documents."""
    now = time.process_time if task["busy"] else time.perf_counter
    started = now()
    one = SYSTEMS[system](task["weights"])
    loaded = now()
    if isinstance(one, Ours):
        one.documents = task["documents"]
    one.index(task["passages"])
    ingested = now()
    questions = task["questions"]
    for question in questions[:_WARM_UP]:
        one.search(question, _DEPTH)
    found, spent = _timed(lambda question: one.search(question, _DEPTH), questions, now)
    if not isinstance(one, Ours):
        found = [[task["owners"][passage] for passage in passages] for passages in found]
    times = {"start": loaded - started, "ingest": ingested - loaded, "spent": spent}
    result = {"found": found, **times, "peak": peak_memory()}
    if isinstance(one, Ours):
        result["sentences"], result["answer_spent"] = _timed(one.first_sentence, questions, now)
    return result


def _timed(ask: Callable[[str], T], questions: Sequence[str], now: Callable[[], float]) -> tuple[list[T], list[float]]:
    answers, spent = [], []
    for question in questions:
        begun = now()
        answers.append(ask(question))
        spent.append((now() - begun) * 1000)
    return answers, spent


def peak_memory() -> float:
    """MB. Linux tells it in a file; `ru_maxrss` counts there what the parent held when it started this process."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    system, task, out = sys.argv[1:]
    result = measure(system, json.loads(Path(task).read_text(encoding="utf-8")))
    Path(out).write_text(json.dumps(result), encoding="utf-8")
