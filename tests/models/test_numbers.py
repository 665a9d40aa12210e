"""Quantising and laying out, against ONNX Runtime's own quantiser."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from onnxruntime.quantization.quant_utils import quantize_data

from rag.models.numbers import (
    activation_numbers,
    divided,
    fused_tensors,
    quantise,
    quantise_columns,
    quantise_table,
    read_order,
    write_numbers,
)
from rag.models.trained import HEAD, read_trained

DRAW = np.random.default_rng(7)
LAYER = "encoder.layer.0."


def drawn(*shape: int) -> np.ndarray:
    return DRAW.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("seven_bits", [False, True])
def test_columns_are_those_of_onnx_runtime(seven_bits: bool) -> None:
    values = drawn(96, 40) * np.exp(drawn(40))
    values[:, 3] = 0
    values[:, 4] = 1e-42  # under the smallest scale
    values[5, 5], values[6, 5] = 3.0, -3.0
    whole, scale, zero = quantise_columns(values, seven_bits)
    for column in range(values.shape[1]):
        expected = quantize_data(values[:, column], TensorProto.INT8, True, reduce_range=seven_bits)
        for ours, theirs in zip((zero[column], scale[column], whole[:, column]), expected, strict=True):
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    assert np.abs(whole).max() == (64 if seven_bits else 127)


@pytest.mark.parametrize("shift", [0.0, 0.4, -0.4, 9.0, -9.0])
def test_tables_are_those_of_onnx_runtime(shift: float) -> None:
    values = drawn(20_000, 3) + np.float32(shift)
    whole, scale, zero = quantise_table(values)
    expected = quantize_data(values.ravel(), TensorProto.UINT8, False)
    for ours, theirs in zip((zero, scale, whole.ravel()), expected, strict=True):
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())


def test_a_table_of_zeros_is_none_the_worse() -> None:
    whole, scale, zero = quantise_table(np.zeros((4, 3), np.float32))
    assert not ((whole.astype(np.float32) - zero) * scale).any()


def bert() -> dict[str, np.ndarray]:
    names = [f"attention.self.{part}" for part in ("query", "key", "value")]
    tensors = {f"{LAYER}{name}.weight": drawn(4, 6) for name in names} | {
        f"{LAYER}{name}.bias": drawn(4) for name in names
    }
    tensors |= {f"{LAYER}output.dense.weight": drawn(6, 8), "embeddings.word_embeddings.weight": drawn(9, 6)}
    return tensors | {HEAD[0]: drawn(3, 6), "pooler.dense.weight": drawn(6, 6)}


def test_matrices_are_turned_and_the_attention_s_joined() -> None:
    tensors = bert()
    fused = fused_tensors(tensors)
    assert set(fused) == {
        f"{LAYER}attention.self.qkv.weight",
        f"{LAYER}attention.self.qkv.bias",
        f"{LAYER}output.dense.weight",
        "embeddings.word_embeddings.weight",
    }
    joined = fused[f"{LAYER}attention.self.qkv.weight"]
    x = drawn(6)
    parts = [tensors[f"{LAYER}attention.self.{part}.weight"] @ x for part in ("query", "key", "value")]
    np.testing.assert_allclose(x @ joined, np.concatenate(parts), rtol=1e-5)
    assert fused[f"{LAYER}output.dense.weight"].shape == (8, 6)
    assert fused["embeddings.word_embeddings.weight"].shape == (9, 6)


def test_the_data_file_holds_the_numbers_in_the_graph_s_order(tmp_path: Path) -> None:
    order = [
        ("b", "float32", [2]),
        ("a_scale", "float32", [3]),
        ("a_quantized", "int8", [4, 3]),
        ("a_zero_point", "int8", [3]),
    ]
    a, b = drawn(4, 3), drawn(2)
    write_numbers(quantise({"a": a, "b": b}, order, seven_bits=False), order, tmp_path / "data")
    whole, scale, zero = quantise_columns(a)
    assert (tmp_path / "data").read_bytes() == b.tobytes() + scale.tobytes() + whole.tobytes() + zero.tobytes()


@pytest.mark.parametrize("given", [{}, {"a": drawn(3)}, {"a": drawn(2).astype(np.float64)}, {"a": drawn(2, 1)}])
def test_numbers_that_the_graph_does_not_take(tmp_path: Path, given: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"the graph takes float32 \[2\] as a"):
        write_numbers(given, [("a", "float32", [2])], tmp_path / "data")


def test_the_graph_takes_all_that_training_may_change() -> None:
    """A layer or a kind of tensor that the reader's file has, and the graph not, would silently stay untrained."""
    names = {name for name, _, _ in read_order()}
    trained = {name: values for name, values in read_trained().items() if name not in HEAD}
    assert trained
    for name in fused_tensors(trained):
        assert {name, f"{name}_quantized"} & names, name


def test_a_range_of_activations_becomes_a_scale_and_a_byte_for_nothing() -> None:
    numbers = activation_numbers({"one": np.float32([-1.0, 4.1]), "positive": np.float32([0.0, 2.55])})
    assert {name: (values.dtype.name, values.shape) for name, values in numbers.items()} == {
        "one.input_scale": ("float32", ()),
        "one.input_zero_point": ("uint8", ()),
        "positive.input_scale": ("float32", ()),
        "positive.input_zero_point": ("uint8", ()),
    }
    assert numbers["one.input_scale"] == pytest.approx(0.02)
    assert numbers["one.input_zero_point"] == 50
    assert numbers["positive.input_zero_point"] == 0


def test_evening_the_inputs_changes_no_product() -> None:
    inputs, weights, factors = drawn(5, 6), drawn(6, 3), np.abs(drawn(6)) + 0.1
    tensors = divided({"a.weight": weights, "b.weight": weights}, {"a.input_factor": factors, "a": drawn(2)})
    np.testing.assert_allclose((inputs * factors) @ tensors["a.weight"], inputs @ weights, rtol=1e-4, atol=1e-5)
    assert tensors["b.weight"] is weights
