"""Bytes of a file -> what stands in it. A module for each format, behind one door (`formats`)."""

from rag.documents.readers.draw import Cited, Drawn, draw
from rag.documents.readers.formats import format_of, needs_no_library, read_parts, suffixes
from rag.documents.readers.part import Limits, Part, Source

__all__ = [
    "Cited",
    "Drawn",
    "Limits",
    "Part",
    "Source",
    "draw",
    "format_of",
    "needs_no_library",
    "read_parts",
    "suffixes",
]
