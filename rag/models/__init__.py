"""Weights -> encoders.

Reading order: layout, weights, bert, trained, numbers, parity, build (how the bundled models are made); unigram,
encoder, reading, reader, factory (how they are used); extra, tokenizer, bundled, hub (any other model, on torch).
"""

from rag.models.build import Progress, built_model, verify_model
from rag.models.factory import load_embedder, load_reader

__all__ = ["Progress", "built_model", "load_embedder", "load_reader", "verify_model"]
