"""From a new process to the first answer."""

import statistics
import tempfile
from pathlib import Path

from rag.types import Embedder
from scripts.measure.speed.ingesting import fill
from scripts.measure.speed.material import Material
from scripts.measure.speed.reference import NAME, Flat, Torch
from scripts.measure.speed.turns import Row, Section, Turns, ratio

OTHER = f"{NAME}, FAISS: nearest passages"

_THEIRS = """
import faiss, sentence_transformers
model = sentence_transformers.SentenceTransformer({folder!r}, device="cpu", local_files_only=True)
print(faiss.read_index({index!r}).search(model.encode([{question!r}], prompt_name="query"), 5))
"""


def start(turns: Turns, torch: Torch, embedder: Embedder, material: Material) -> Section:
    """`rag ask` in both modes, and `rag docs list`, which loads no model; against loading the reference and an index of
    the passages from disk, and searching it once."""
    import faiss

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(material.write(folder / "documents"), folder / "store", embedder)
        faiss.write_index(Flat(embedder.embed_passages(material.passages(embedder))).index, str(folder / "index"))
        question = material.questions[0]
        script = _THEIRS.format(folder=str(torch.folder), index=str(folder / "index"), question=question)
        ask = ["-m", "rag", "ask", "--store", str(folder / "store"), question]
        settled = {"RAG_MIN_CONFIDENCE": "0"}  # exit code 3 would be an abstention
        commands = {
            "rag ask": lambda: turns.of_process(ask, settled),
            "rag ask, fast": lambda: turns.of_process([*ask, "--mode", "fast"], settled),
            "rag docs list": lambda: turns.of_process(["-m", "rag", "docs", "list", "--store", str(folder / "store")]),
            OTHER: lambda: turns.of_process(["-c", script]),
        }
        for run in commands.values():
            run()  # compiled, and read from disk
        spent: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(turns.count):
            for name, run in commands.items():
                spent[name].append(run())
    return Section(
        "start",
        f"From a new process to the end of the command, over {material.name}",
        tuple(Row(name, {"seconds": statistics.median(spent[name])}) for name in commands),
        {name: ratio(spent[name], spent[OTHER]) for name in commands if name != OTHER},
    )
