"""Writes the packaged weights as the standard folder that SentenceTransformer(path) loads.

multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings", MIT): a BERT encoder with XLM-R's
vocabulary, mean pooling, unit length, and the words `query: ` or `passage: ` in front of every text.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from rag.models.layout import PROMPTS
from rag.models.tokenizer import build_tokenizer, special_pieces
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


def write_model_folder(weights: Weights, folder: Path) -> None:
    """Write configuration, tokenizer, float32 weights and the sentence-transformers modules into an empty `folder`."""
    shape = weights.shape
    save_file(bert_tensors(weights), folder / "model.safetensors", metadata={"format": "pt"})
    build_tokenizer(weights.vocabulary, weights.normaliser).save(str(folder / "tokenizer.json"), pretty=False)
    contents: dict[str, object] = {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": shape.hidden,
            "intermediate_size": shape.feed_forward,
            "layer_norm_eps": shape.epsilon,
            "max_position_embeddings": shape.positions,
            "num_attention_heads": shape.heads,
            "num_hidden_layers": shape.layers,
            "pad_token_id": weights.vocabulary.pad,
            "transformers_version": "4.57.0",  # without one, transformers takes a folder for a faulty Mistral model
            "type_vocab_size": shape.types,
            "vocab_size": shape.vocabulary,
        },
        # A text may hold "<s>" or "<mask>" as words: split_special_tokens leaves them to the vocabulary, as the
        # engine does, instead of cutting them out of the raw text first.
        "tokenizer_config.json": special_pieces(weights.vocabulary)
        | {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.positions,
            "split_special_tokens": True,
            "clean_up_tokenization_spaces": False,
        },
        "special_tokens_map.json": special_pieces(weights.vocabulary),
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "sentence_bert_config.json": {"max_seq_length": shape.positions, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": shape.hidden, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "similarity_fn_name": "cosine"},
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


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
