"""The numbers of a model, quantised and in the order in which the packaged graph takes them.

Matrices become int8, symmetric, one scale a column (an output); embedding tables become uint8 with one scale and one
zero point, since they are looked up and not multiplied; biases and layer norms stay float32. Formulas and rounding are
those of ONNX Runtime's `quantize_dynamic` (Jacob et al. 2018, "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR); the tests hold every byte to it.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from rag.models.layout import ACTIVATIONS_FILE, ORDER_FILE

Floats = NDArray[np.float32]
Numbers = Mapping[str, NDArray[np.generic]]
Order = Sequence[tuple[str, str, list[int]]]
"""(name in the graph, numpy's name of the type, shape) of each tensor of the data file, which has nothing between."""

QUANTISED, SCALE, ZERO_POINT = "_quantized", "_scale", "_zero_point"  # behind a tensor's name: quantize_dynamic's words

INPUT_SCALE, INPUT_ZERO_POINT, INPUT_FACTOR = ".input_scale", ".input_zero_point", ".input_factor"
"""Behind a product's name: how what it takes in becomes bytes."""

_ROWS = 8192  # of a table at once: the word embeddings are 384 MB


def read_order() -> Order:
    """The packaged graph's."""
    return [(name, kind, shape) for name, kind, shape in json.loads(packaged(ORDER_FILE))]


def packaged(name: str) -> bytes:
    """The content of a file of this package."""
    return files("rag.models").joinpath(name).read_bytes()


def fused_tensors(tensors: Mapping[str, Floats]) -> dict[str, Floats]:
    """BertModel's tensors as the fused graph takes them: matrices [inputs, outputs]; query, key and value joined."""
    fused: dict[str, Floats] = {}
    for name, values in tensors.items():
        if name.startswith("embeddings."):
            fused[name] = values
        elif ".self.query." in name:
            parts = [tensors[name.replace("query", part)].T for part in ("query", "key", "value")]
            fused[name.replace("query", "qkv")] = np.concatenate(parts, axis=-1)
        elif name.startswith("encoder.") and ".self." not in name:
            fused[name] = values.T
    return fused


def quantise(fused: Mapping[str, Floats], order: Order, seven_bits: bool) -> Numbers:
    """All that the graph takes of the `fused` tensors, by its names; matrices in 7 bits if asked, else in 8."""
    kinds = {name: kind for name, kind, _ in order}
    numbers: dict[str, NDArray[np.generic]] = {}
    for name, values in fused.items():
        kind = kinds.get(name + QUANTISED)
        if kind is None:
            numbers[name] = values
            continue
        whole, scale, zero = quantise_columns(values, seven_bits) if kind == "int8" else quantise_table(values)
        numbers |= {name + QUANTISED: whole, name + SCALE: scale, name + ZERO_POINT: zero}
    return numbers


def quantise_columns(values: Floats, seven_bits: bool = False) -> tuple[NDArray[np.int8], Floats, NDArray[np.int8]]:
    """[inputs, outputs] -> the same in int8, the scales [outputs] and the zero points [outputs], which are 0.

    The largest of a column becomes 127, or 64 with `seven_bits`. A column of zeros has the scale 1.
    """
    span = 2 * np.abs(values).max(axis=0).astype(np.float64)
    exact = span / (128 if seven_bits else 254)
    scale = np.where(exact < np.finfo(np.float32).tiny, 1.0, exact).astype(np.float32)
    return np.round(values / scale).astype(np.int8), scale, np.zeros(len(scale), dtype=np.int8)


def quantise_table(values: Floats) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """[rows, columns] -> the same in uint8, its one scale and its one zero point (both of no dimension).

    0 is always among the values that come back as they were.
    """
    low, high = np.minimum(values.min(), np.float32(0)), np.maximum(values.max(), np.float32(0))
    exact = (np.float64(high) - np.float64(low)) / 255
    if exact < np.finfo(np.float32).tiny:
        return np.zeros(values.shape, np.uint8), np.array(1, np.float32), np.array(0, np.uint8)
    scale, zero = np.float32(exact), np.uint8(np.round(-low / exact))
    whole = np.empty(values.shape, dtype=np.uint8)
    for row in range(0, len(values), _ROWS):
        block = np.round(values[row : row + _ROWS] / scale) + np.float32(zero)
        whole[row : row + _ROWS] = np.clip(block, 0, 255, out=block)
    return whole, np.array(scale), np.array(zero)


def read_activations(which: str) -> dict[str, NDArray[np.float32]]:
    """What was measured of the activations of the model whose folder is called `which`, by product: its range [2], and
    where it is evened, under `product.input_factor`, the factors of its channels [inputs]."""
    mark = f"{which}/"
    kept = load(packaged(ACTIVATIONS_FILE))
    return {
        name.removeprefix(mark): values.astype(np.float32) for name, values in kept.items() if name.startswith(mark)
    }


def evened(product: str) -> bool:
    """Whether the channels of what a product takes in are multiplied by factors: in the feed-forward layers."""
    return ".attention." not in product


def activation_numbers(activations: Mapping[str, Floats]) -> Numbers:
    """For each product the scale and the zero point of the bytes that it takes in, and the factors before that.

    0 is a byte and lies in the range; values outside the range become its ends.
    """
    numbers: dict[str, NDArray[np.generic]] = {}
    for name, values in activations.items():
        if name.endswith(INPUT_FACTOR):
            numbers[name] = values
            continue
        low, high = (float(end) for end in values)
        scale = (high - low) / 255
        numbers[name + INPUT_SCALE] = np.array(scale, np.float32)
        numbers[name + INPUT_ZERO_POINT] = np.array(np.round(-low / scale), np.uint8)
    return numbers


def divided(fused: Mapping[str, Floats], activations: Mapping[str, Floats]) -> dict[str, Floats]:
    """The `fused` tensors with the weights of each evened product divided by the factors of its inputs."""
    factors = {name.replace(INPUT_FACTOR, ".weight"): values for name, values in activations.items()}
    return {name: values / factors[name][:, None] if name in factors else values for name, values in fused.items()}


def write_numbers(numbers: Numbers, order: Order, path: Path) -> None:
    """Write the data file of a graph. Raises ValueError where a tensor is not what the graph takes."""
    with path.open("wb") as file:
        for name, kind, shape in order:
            values = numbers.get(name)
            if values is None or values.dtype != kind or list(values.shape) != shape:
                found = "nothing" if values is None else f"{values.dtype} {list(values.shape)}"
                raise ValueError(f"the graph takes {kind} {shape} as {name}, not {found}")
            file.write(np.ascontiguousarray(values).data)
