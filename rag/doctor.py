"""Looks over an installation: versions, model, store; what is wrong and how to mend it."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rag.assistant import fingerprint_of
from rag.errors import ModelBuildError, RagError
from rag.models import built_model, load_embedder, verify_model
from rag.settings import Settings
from rag.store import open_store

_PACKAGES = ("rag", "onnxruntime", "faiss-cpu", "tantivy", "jieba")
_EXTRA_PACKAGES = ("sentence-transformers", "torch")  # of rag[models]; a machine that only answers is without


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    sound: bool
    en: str
    zh: str

    def message(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


def examine(settings: Settings) -> Iterator[Finding]:
    """One finding a thing looked at. Loads the model, builds none and writes nothing."""
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("system", True, python, python)
    for package in _PACKAGES:
        yield _package(package)
    for package in _EXTRA_PACKAGES:
        yield _package(package, needed=False)
    try:
        embedder = load_embedder(settings, build=False)
        vector = embedder.embed_questions(["检查 check"])[0]
        text = f"{embedder.name}, {len(vector)} dimensions, in {settings.cache}"
        yield Finding("model", True, text, f"{embedder.name}，{len(vector)} 维，位于 {settings.cache}")
        if faults := [] if settings.embedder else verify_model(built_model(settings.cache, build=False)):
            raise ModelBuildError(path=settings.cache, reason="; ".join(faults))
    except RagError as error:
        yield Finding("model", False, error.message("en"), error.message("zh"))
        return
    try:
        with open_store(settings.where, fingerprint_of(embedder)) as store:
            faults = list(store.verify())
            counts = store.document_count(), store.passage_count()
            where = store.path
    except RagError as error:
        yield Finding("store", False, error.message("en"), error.message("zh"))
        return
    for fault in faults:
        yield Finding(
            "store", False, f"{fault}; run: rag ingest --rebuild PATH", f"{fault}；请运行：rag ingest --rebuild 路径"
        )
    if not faults:
        yield Finding(
            "store",
            True,
            f"{where}: {counts[0]} documents, {counts[1]} passages, verified",
            f"{where}：{counts[0]} 篇文档，{counts[1]} 个段落，已核对",
        )


def _package(name: str, *, needed: bool = True) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        if needed:
            return Finding(name, False, "not installed; run: make setup", "未安装，请运行：make setup")
        why = "not installed; only RAG_EMBEDDER, training and measuring need it"
        return Finding(name, True, why, "未安装；只有使用 RAG_EMBEDDER、训练和测量时才需要")
    return Finding(name, True, found, found)
