"""The way in: which files changed (plan), read, split and embedded (passages), stored (run); here or on a cluster."""

from rag.ingest.files import cited_path, find_files, passed_over
from rag.ingest.passages import index_document, index_documents
from rag.ingest.plan import read_here, survey
from rag.ingest.run import Way, add_text, ingest
from rag.ingest.values import IngestReport, Progress, Stage

__all__ = [
    "IngestReport",
    "Progress",
    "Stage",
    "Way",
    "add_text",
    "cited_path",
    "find_files",
    "index_document",
    "index_documents",
    "ingest",
    "passed_over",
    "read_here",
    "survey",
]
