"""Writes the packaged weights as the standard folder that SentenceTransformer(path) loads.

multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings", MIT): a BERT encoder with XLM-R's
vocabulary, mean pooling, unit length, and the words `query: ` or `passage: ` in front of every text.
"""

import json
from pathlib import Path

from safetensors.numpy import save_file

from rag.models.bert import bert_tensors
from rag.models.layout import PROMPTS
from rag.models.tokenizer import build_tokenizer, special_pieces
from rag.models.weights import Weights


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
