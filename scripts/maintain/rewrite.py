"""What the packaged graph does otherwise than ONNX Runtime's quantiser and fuser leave it.

ranges      Activations become bytes by a range that is fixed for each product and not by that of the whole
            batch, so that a text may share a call with others and still gives the same bytes.
evenness    Before that, the inputs of the feed-forward layers are multiplied by a factor a channel, and the weights
            divided by it (SmoothQuant, Xiao et al. 2023): a few channels are twenty times as large as the others.
additions   SkipLayerNormalization, and the bias in it, become a plain addition and LayerNormalization; the
            bias goes into the product. On this processor that takes a fifth of the fused operator's time.
GELU        the exact one: it takes four fifths of the time of its approximation by tanh.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rag.models.numbers import INPUT_FACTOR, INPUT_SCALE, INPUT_ZERO_POINT, QUANTISED, evened

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_OURS = "com.microsoft"
_WEIGHT = f".weight{QUANTISED}"
_BIAS = {"SkipLayerNormalization": 4, "FastGelu": 1}  # its place among the inputs


def rewrite(model: "ModelProto") -> None:
    """Change the quantised graph in place. The ranges it takes in have no numbers yet: a build writes them."""
    graph = model.graph
    products = [node for node in graph.node if node.op_type in ("DynamicQuantizeMatMul", "QAttention")]
    readers = {name: node for node in graph.node for name in node.input}
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            nodes += _quantise(node.input[0], _product(readers[node.output[0]]))
        elif node.op_type == "QAttention":
            name = _product(node)
            node.input[0], node.input[3], node.input[6] = _bytes(name), name + INPUT_SCALE, name + INPUT_ZERO_POINT
            nodes.append(node)
        elif node.op_type == "DynamicQuantizeMatMul":
            nodes += _multiply(node, readers[node.output[0]])
        elif node.op_type == "SkipLayerNormalization":
            nodes += _add_and_normalise(node)
        elif node.op_type == "FastGelu":
            nodes.append(_node("Gelu", [node.input[0]], node.output[0], domain=_OURS))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    _take_in(model, [_product(node) for node in products])


def _product(node: "NodeProto") -> str:
    """What the product is called: its weight's name without "weight"."""
    return node.input[1].removesuffix(_WEIGHT)


def _bytes(product: str) -> str:
    return f"{product}.input{QUANTISED}"


def _quantise(values: str, product: str) -> list["NodeProto"]:
    numbers = [product + INPUT_SCALE, product + INPUT_ZERO_POINT]
    if not evened(product):
        return [_node("QuantizeLinear", [values, *numbers], _bytes(product))]
    even = f"{product}.input_even"
    return [
        _node("Mul", [values, product + INPUT_FACTOR], even),
        _node("QuantizeLinear", [even, *numbers], _bytes(product)),
    ]


def _multiply(node: "NodeProto", reader: "NodeProto") -> list["NodeProto"]:
    product, bias = _product(node), reader.input[_BIAS[reader.op_type]]
    values, weight, scale, zero_point = node.input[:4]
    inputs = [_bytes(product), weight, product + INPUT_SCALE, scale, product + INPUT_ZERO_POINT, zero_point, bias]
    return [*_quantise(values, product), _node("MatMulIntegerToFloat", inputs, node.output[0], domain=_OURS)]


def _add_and_normalise(node: "NodeProto") -> list["NodeProto"]:
    total, out = f"{node.output[0]}_sum", node.output[0]
    (epsilon,) = (one.f for one in node.attribute if one.name == "epsilon")
    return [
        _node("Add", node.input[:2], total),
        _node("LayerNormalization", [total, *node.input[2:4]], out, axis=-1, epsilon=epsilon),
    ]


def _node(kind: str, inputs: list[str], output: str, **attributes: object) -> "NodeProto":
    from onnx import helper

    return helper.make_node(kind, inputs, [output], name=f"{output}_{kind}", **attributes)


def _take_in(model: "ModelProto", products: list[str]) -> None:
    from onnx import numpy_helper

    for name in products:
        model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), name + INPUT_SCALE))
        model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.uint8), name + INPUT_ZERO_POINT))
        if evened(name):
            factors = np.ones(_inputs(model, name), np.float32)
            model.graph.initializer.append(numpy_helper.from_array(factors, name + INPUT_FACTOR))


def _inputs(model: "ModelProto", product: str) -> int:
    return next(one.dims[0] for one in model.graph.initializer if one.name == product + _WEIGHT)


def inputs_of_products(model: "ModelProto") -> Mapping[str, str]:
    """In the fused float32 graph: product -> the activation that it takes in."""
    return {
        node.input[1].removesuffix(".weight"): node.input[0]
        for node in model.graph.node
        if node.op_type in ("MatMul", "Attention") and node.input[1].startswith("encoder.")
    }
