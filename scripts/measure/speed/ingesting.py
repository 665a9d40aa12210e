"""Files into a store, and what each stage costs."""

import statistics
import tempfile
from pathlib import Path

import rag.ingest
from rag.assistant import fingerprint_of
from rag.documents import DocumentReader
from rag.ingest import passages, plan
from rag.store import LocalStore, open_store
from rag.types import Embedder
from scripts.measure.scale import Clock
from scripts.measure.speed.material import Material
from scripts.measure.speed.reference import NAME, Bm25s, Flat, Torch
from scripts.measure.speed.turns import Row, Section, Turns, Watched, ratio, stages, watching

OURS = "rag ingest"
OTHER = f"{NAME}, FAISS, bm25s"


def ingest(turns: Turns, torch: Torch, embedder: Embedder, material: Material) -> Section:
    """Reading, splitting, embedding passages and each of their sentences, storing, both indexes; against embedding
    the same passages and putting them into two indexes in memory."""
    texts = material.passages(embedder)
    clock, watched, stores = Clock(turns.now), _watched(embedder), 0
    with tempfile.TemporaryDirectory() as folder, watching(clock, watched):
        files = material.write(Path(folder) / "documents")

        def ours() -> None:
            nonlocal stores
            stores += 1
            fill(files, Path(folder) / f"store-{stores}", embedder)

        def theirs() -> tuple[Flat, Bm25s]:
            return Flat(torch.passages(texts)), Bm25s(texts)

        torch.passages(texts[:2])
        fill(files, Path(folder) / "warm", embedder)
        clock.seconds.clear()
        spent = turns.of({OURS: ours, OTHER: theirs})
    rows = [(name, statistics.median(spent[name])) for name in (OURS, OTHER)]
    return Section(
        "ingest",
        f"Taking in {material.name}, {len(texts)} passages",
        tuple(
            Row(name, {"documents/s": len(material.documents) / took, "passages/s": len(texts) / took})
            for name, took in rows
        ),
        {"documents/s": ratio(spent[OTHER], spent[OURS])},
        stages(clock, watched, sum(spent[OURS]), turns.count * len(material.documents)),
        "document",
    )


def fill(files: Path, store: Path, embedder: Embedder) -> None:
    with open_store(store, fingerprint_of(embedder), write=True) as opened:
        rag.ingest.ingest([files], opened, embedder, base=files.parent, limit_mb=20)


def _watched(embedder: Embedder) -> list[Watched]:
    stored = ("add", "keep", "kept", "forget", "sources", "begin_run", "end_run")
    return [
        (DocumentReader, "read", "read"),
        (plan, "sha256_of", "read"),
        (plan, "find_files", "read"),
        (passages, "split_document", "split"),
        (passages, "words", "words"),
        (embedder, "embed_passages", "encode"),
        *((LocalStore, name, "store") for name in stored),
        (LocalStore, "refresh", "index"),
    ]
