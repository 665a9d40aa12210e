"""The packaged weights under the names that transformers' BertModel gives them."""

import numpy as np
from numpy.typing import NDArray

from rag.models.weights import Weights

_EMBEDDINGS = {
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.word": "word_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def bert_tensors(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The tensors under the names and in the shapes of transformers' BertModel: a matrix is [outputs, inputs]."""
    hidden, wide = weights.shape.hidden, weights.shape.feed_forward
    tensors = {f"embeddings.{name}": weights.tensors[own] for own, name in _EMBEDDINGS.items()}
    for layer in range(weights.shape.layers):
        for own, name in _LAYER.items():
            for short, long in (("w", "weight"), ("b", "bias")):
                tensors[f"encoder.layer.{layer}.{name}.{long}"] = weights.tensors[f"l{layer}.{own}.{short}"]
    # Mean pooling has no use for BERT's pooler; without one the loader would warn that it made up random weights.
    tensors |= {"pooler.dense.weight": np.zeros(hidden * hidden, np.float32)}
    tensors |= {"pooler.dense.bias": np.zeros(hidden, np.float32)}
    for name, tensor in tensors.items():
        if name.endswith("weight") and "LayerNorm" not in name:
            inputs = wide if name.endswith(".output.dense.weight") and "attention" not in name else hidden
            tensors[name] = tensor.reshape(-1, inputs)
    return tensors
