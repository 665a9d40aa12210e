"""Which embedder the settings ask for."""

from rag.models.build import Progress, built_model
from rag.settings import Settings
from rag.types import Embedder


def load_embedder(settings: Settings, progress: Progress = lambda *_: None, *, build: bool = True) -> Embedder:
    """The bundled model, built on first use unless `build` is false, or the one that RAG_EMBEDDER names.

    Raises ModelError.
    """
    if settings.embedder:
        from rag.models.hub import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(settings.embedder, settings.threads)
    from rag.models.encoder import OnnxEmbedder

    return OnnxEmbedder(built_model(settings.cache, progress, build=build), settings.threads)
