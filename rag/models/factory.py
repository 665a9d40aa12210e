"""Which embedder and reader the settings ask for."""

from rag.models.build import Progress, built_model
from rag.settings import Settings
from rag.types import Embedder, Reader


def load_embedder(settings: Settings, progress: Progress = lambda *_: None, *, build: bool = True) -> Embedder:
    """The bundled model, built on first use unless `build` is false, or the one that RAG_EMBEDDER names.

    Raises ModelError.
    """
    if settings.embedder:
        from rag.models.hub import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(settings.embedder, settings.threads)
    from rag.models.encoder import OnnxEmbedder

    return OnnxEmbedder(built_model(settings.cache, progress, build=build), settings.threads)


def load_reader(settings: Settings, progress: Progress = lambda *_: None, *, build: bool = True) -> Reader | None:
    """The bundled reader, built on first use unless `build` is false; None in the mode that needs none.

    Raises ModelError.
    """
    if settings.mode == "fast":
        return None
    from rag.models.reader import OnnxReader

    return OnnxReader(built_model(settings.cache, progress, build=build))
