"""What the machine can do at most, by small probes, beside what is made of it."""

import statistics
from collections.abc import Callable

import numpy as np
import onnxruntime

from rag.models.encoder import OnnxEmbedder
from scripts.measure.speed.turns import Row, Section, Turns

_SIDE = 1024  # of the squares that are multiplied
_ROWS = 150_000  # of the matrix that is read through: 230 MB, more than any cache
_DIM = 384
_ENCODER_WEIGHTS = 12 * (4 * _DIM * _DIM + 2 * _DIM * 4 * _DIM)
"""Those that every token is multiplied by, of twelve layers: attention's four and the two of the feed-forward net."""


def limits(turns: Turns, embedder: OnnxEmbedder, texts: list[str], threads: int) -> Section:
    """Peaks of float32 and int8 products and of reading memory; and what share of them encoding and a flat search take.

    What attention multiplies is left out of the encoder's work: a tenth at passages of 130 tokens.
    """
    import faiss

    chance = np.random.default_rng(0)
    square = chance.standard_normal((_SIDE, _SIDE), dtype=np.float32)
    rows = chance.standard_normal((_ROWS, _DIM), dtype=np.float32)
    index = faiss.IndexFlatIP(_DIM)
    index.add(rows)
    vector = rows[:1].copy()
    tokens = sum(embedder.count_tokens(texts))
    actions: dict[str, Callable[[], object]] = {
        "float32": lambda: square @ square,
        "int8": _int8(threads),
        "memory": lambda: rows @ vector[0],
        "encoding": lambda: embedder.embed_passages(texts),
        "flat search": lambda: index.search(vector, 10),
    }
    for action in actions.values():
        action()
    spent = {name: statistics.median(took) for name, took in turns.of(actions).items()}
    products, size = 2 * _SIDE**3, _ROWS * _DIM * 4
    peak = products / spent["int8"]
    bandwidth = size / spent["memory"]
    worked = 2 * _ENCODER_WEIGHTS * tokens / spent["encoding"]
    read = size / spent["flat search"]
    giga = 1e9
    return Section(
        "limits",
        f"What the machine can do, {threads} {'thread' if threads == 1 else 'threads'}",
        (
            Row("products of float32, numpy", {"giga a second": products / spent["float32"] / giga}),
            Row("products of int8, ONNX Runtime", {"giga a second": peak / giga}),
            Row("the encoder's products", {"giga a second": worked / giga}),
            Row("bytes read, numpy", {"giga a second": bandwidth / giga}),
            Row("bytes a flat search reads, FAISS", {"giga a second": read / giga}),
        ),
        {"encoder to int8 peak": worked / peak, "flat search to memory peak": read / bandwidth},
    )


def _int8(threads: int) -> Callable[[], object]:
    """One product of int8 squares, by the operator that the encoder's graph uses."""
    from onnx import TensorProto, helper

    shape = [_SIDE, _SIDE]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("c", TensorProto.INT32, shape)],
        [helper.make_tensor("b", TensorProto.INT8, shape, bytes(_SIDE * _SIDE), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {"a": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}
    return lambda: session.run(None, given)
