"""The packaged graph is the one that the export gives, and what is built is what ONNX Runtime's quantiser makes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rag.models.bert import bert_tensors
from rag.models.layout import (
    DATA_FILE,
    EMBEDDER_FOLDER,
    GRAPH_FILE,
    ORDER_FILE,
    PARITY_FILE,
    READER_FOLDER,
)
from rag.models.numbers import (
    INPUT_FACTOR,
    INPUT_SCALE,
    Numbers,
    activation_numbers,
    divided,
    evened,
    fused_tensors,
    packaged,
    quantise,
    read_activations,
    read_order,
)
from rag.models.trained import read_trained
from rag.models.weights import Weights
from scripts.maintain.graphs import quantised
from tests.conftest import ROOT


def numbers_in(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_the_packaged_graph_holds_no_numbers_and_names_their_places() -> None:
    graph = onnx.load_from_string(packaged(GRAPH_FILE)).graph
    outside = [one for one in graph.initializer if one.external_data]
    inside = [one for one in graph.initializer if not one.external_data]
    assert {numpy_helper.to_array(one).dtype for one in inside} == {np.dtype(np.int64)}  # axes, places, positions
    offset, order = 0, read_order()
    for one, (name, kind, shape) in zip(outside, order, strict=True):
        place = {entry.key: entry.value for entry in one.external_data}
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        assert (one.name, list(one.dims)) == (name, shape)
        assert onnx.helper.tensor_dtype_to_np_dtype(one.data_type) == kind
        assert place == {"location": DATA_FILE, "offset": str(offset), "length": str(size)}
        offset += size


def test_no_activation_s_range_depends_on_what_is_read_together() -> None:
    kinds = {node.op_type for node in onnx.load_from_string(packaged(GRAPH_FILE)).graph.node}
    assert "MatMulIntegerToFloat" in kinds
    assert not {one for one in kinds if one.startswith("Dynamic")}


@pytest.mark.parametrize("which", [EMBEDDER_FOLDER, READER_FOLDER])
def test_each_product_has_a_range(which: str) -> None:
    taken = {name.removesuffix(INPUT_SCALE) for name, _, _ in read_order() if name.endswith(INPUT_SCALE)}
    found = read_activations(which)
    factors = {name: values for name, values in found.items() if name.endswith(INPUT_FACTOR)}
    assert found.keys() - factors == taken
    assert factors.keys() == {name + INPUT_FACTOR for name in taken if evened(name)}
    assert all(low <= 0 < high for low, high in (found[name] for name in taken))
    assert all(values.min() > 0 for values in factors.values())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script makes anew, in a process of its own; the float32 graph with it."""
    out = tmp_path_factory.mktemp("graph")
    command = [
        sys.executable,
        "-m",
        "scripts.maintain.graphs",
        "--out",
        str(out),
        "--float32",
        str(out / "float32.onnx"),
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
@pytest.mark.model
def test_made_anew_it_is_the_packaged_one(made: Path) -> None:
    assert (made / GRAPH_FILE).read_bytes() == packaged(GRAPH_FILE)
    assert (made / ORDER_FILE).read_bytes() == packaged(ORDER_FILE)
    vectors = np.load(made / PARITY_FILE)
    # Another processor adds in another order.
    np.testing.assert_allclose(vectors, np.load(ROOT / "rag" / "models" / PARITY_FILE), atol=1e-5)


@pytest.fixture(scope="module")
def tensors(weights: Weights) -> Mapping[str, np.ndarray]:
    return bert_tensors(weights)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize(("which", "seven_bits"), [(EMBEDDER_FOLDER, False), (READER_FOLDER, True)])
def test_built_numbers_are_those_of_onnx_runtime(
    made: Path, tensors: Mapping[str, np.ndarray], built: Path, tmp_path: Path, which: str, seven_bits: bool
) -> None:
    activations = read_activations(which)
    fused = divided(fused_tensors(tensors if which == EMBEDDER_FOLDER else {**tensors, **read_trained()}), activations)
    graph = onnx.load(made / "float32.onnx")
    for one in graph.graph.initializer:
        if one.name in fused:
            one.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(fused[one.name]), one.name))
    onnx.save(graph, tmp_path / "float32.onnx")
    expected = numbers_in(quantised(tmp_path / "float32.onnx", tmp_path, seven_bits))
    ranges = activation_numbers(activations)  # which the quantiser leaves to run time
    same({**expected, **ranges}, {**quantise(fused, read_order(), seven_bits), **ranges})
    # What was built has one of both, as this processor needs it.
    stored = numbers_in(onnx.load(built / which / GRAPH_FILE))
    bits = np.abs(stored["encoder.layer.0.output.dense.weight_quantized"].astype(int)).max()
    if (bits == 64) == seven_bits:
        same({**expected, **ranges}, stored)


def same(expected: Numbers, found: Numbers) -> None:
    for name, _, _ in read_order():
        assert expected[name].dtype == found[name].dtype, name
        np.testing.assert_array_equal(expected[name], found[name], err_msg=name)
