"""Ask your own documents; get the exact sentences, and see where they stand. Names are loaded when they are asked for.

>>> from rag import Assistant
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.public import Answer, Assistant, Citation, DocumentSummary, Filter, Hit, RagError, Turn

__all__ = ["Answer", "Assistant", "Citation", "DocumentSummary", "Filter", "Hit", "RagError", "Turn"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rag import public

    return getattr(public, name)
