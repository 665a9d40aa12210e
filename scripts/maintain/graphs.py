#!/usr/bin/env python3
"""Make the packaged graph anew: what the encoder computes, without its numbers.

    python -m scripts.maintain.graphs                 # a minute; writes encoder.onnx, encoder.json and parity.npy
    python -m scripts.maintain.graphs --out FOLDER    # elsewhere, to compare

The order is what makes the model fast. sentence-transformers exports and fuses it (O3: attention, skip + layer norm,
GELU), and the fused graph is then quantised; its own quantiser would take the unfused one, for half the speed. Weights
become int8 per channel, the embedding tables too. Then the graph is taken as ONNX Runtime rewrites it when loading,
which makes loading fast, and rewritten once more (scripts.maintain.rewrite): activations are quantised by fixed ranges.

Last, the numbers are taken out: each has its place in a data file beside the graph, and that is mapped into memory.
rag.models.build writes it, for the embedder and for the reader. Both have the same graph, with 8-bit and with 7-bit
weights.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.models.extra import models_or_exit

models_or_exit("scripts.maintain.graphs")

from rag.models.bert import bert_tensors
from rag.models.bundled import write_model_folder
from rag.models.layout import DATA_FILE, GRAPH_FILE, ORDER_FILE, PARITY_FILE, PROMPTS
from rag.models.numbers import fused_tensors
from rag.models.parity import PARITY_SENTENCES
from rag.models.weights import find_weights, read_weights
from scripts.corpora import ROOT
from scripts.maintain.rewrite import rewrite

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGE = ROOT / "rag" / "models"
_QUANTISED = ["MatMul", "Attention", "EmbedLayerNormalization", "Gather"]


def write_graph(out: Path, float32: Path | None = None) -> None:
    """Write the three files into the folder `out`; the fused float32 graph to the file `float32`, if that is given."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        fused, vectors = export(scratch)
        if float32:
            float32.write_bytes(fused.read_bytes())
        model = quantised(fused, scratch, seven_bits=False)
        rewrite(model)
        graph, order = emptied(model)
    (out / GRAPH_FILE).write_bytes(graph)
    lines = ",\n".join(json.dumps(one) for one in order)
    (out / ORDER_FILE).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    np.save(out / PARITY_FILE, vectors)


def export(scratch: Path) -> tuple[Path, NDArray[np.float32]]:
    """The fused float32 graph, its tensors named as in rag.models.numbers, and the vectors of PARITY_SENTENCES."""
    from sentence_transformers import SentenceTransformer, export_optimized_onnx_model

    folder = scratch / "float32"
    folder.mkdir()
    weights = read_weights(find_weights())
    write_model_folder(weights, folder)
    arguments = {"provider": "CPUExecutionProvider", "export": True}
    model = SentenceTransformer(str(folder), device="cpu", backend="onnx", model_kwargs=arguments)
    texts = [PROMPTS["passage"] + sentence for sentence in PARITY_SENTENCES]
    vectors = np.asarray(model.encode(texts, normalize_embeddings=True), dtype=np.float32)
    export_optimized_onnx_model(model, "O3", str(scratch / "fused"))
    graph = next((scratch / "fused").rglob("*.onnx"))
    _name_tensors(graph, fused_tensors(bert_tensors(weights)))
    return graph, vectors


def _name_tensors(graph: Path, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Give the graph's tensors the names of `tensors`: exporters make up their own, so they are known by their values.

    Raises ValueError where one of `tensors` is not in the graph.
    """
    import onnx
    from onnx import numpy_helper

    names = {_key(values): name for name, values in tensors.items()}
    model = onnx.load(graph)
    renamed = {}
    for one in model.graph.initializer:
        values = numpy_helper.to_array(one)
        name = names.get(_key(values))
        if name and np.array_equal(values, tensors[name]):
            renamed[one.name] = one.name = name
    if lost := tensors.keys() - renamed.values():
        raise ValueError(f"{sorted(lost)[0]} and {len(lost) - 1} more are not in the exported graph")
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    onnx.save(model, graph)


def _key(values: NDArray[np.generic]) -> tuple[tuple[int, ...], bytes]:
    """Tells tensors apart without comparing all their values."""
    return values.shape, np.ascontiguousarray(values.ravel()[:16]).tobytes()


def quantised(fused: Path, scratch: Path, seven_bits: bool) -> "ModelProto":
    """The int8 graph with its numbers, as ONNX Runtime rewrites it."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    int8, rewritten = scratch / "int8.onnx", scratch / "rewritten.onnx"
    quantize_dynamic(
        fused,
        int8,
        op_types_to_quantize=_QUANTISED,
        per_channel=True,
        reduce_range=seven_bits,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},  # shape inference does not know fused operators
    )
    options = onnxruntime.SessionOptions()
    # "Extended" fuses MatMulInteger with its scales; "all" would fit the graph to this very processor.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(rewritten)
    onnxruntime.InferenceSession(str(int8), options, providers=["CPUExecutionProvider"])
    return onnx.load(rewritten)


def emptied(model: "ModelProto") -> tuple[bytes, list[tuple[str, str, list[int]]]]:
    """The graph without the numbers of the encoder, and which of them stands where in the data file.

    They stand there floats first, so that each lies at a multiple of its own size, and by their names: ONNX Runtime
    leaves them in no order. What is no number of the encoder (axes, positions) stays in the graph.
    """
    from onnx import TensorProto, numpy_helper

    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    order: list[tuple[str, str, list[int]]] = []
    offset = 0
    model.graph.initializer.sort(key=lambda one: (-arrays[one.name].itemsize, one.name))
    for one in model.graph.initializer:
        if not one.name.startswith(("embeddings.", "encoder.")):
            continue
        array = arrays[one.name]
        for field in ("raw_data", "float_data", "int32_data"):
            one.ClearField(field)
        one.data_location = TensorProto.EXTERNAL
        for key, value in (("location", DATA_FILE), ("offset", offset), ("length", array.nbytes)):
            one.external_data.add(key=key, value=str(value))
        order.append((one.name, str(array.dtype), list(array.shape)))
        offset += array.nbytes
    return model.SerializeToString(deterministic=True), order


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, default=PACKAGE, help="instead of the package's own folder")
    options.add_argument("--float32", type=Path, metavar="FILE", help="write the fused float32 graph, too")
    given = options.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    write_graph(given.out, given.float32)


if __name__ == "__main__":
    main()
