"""Weights -> encoders.

Reading order: layout, weights, tokenizer, bundled, export, build (how the bundled model is made); unigram, encoder,
factory (how it is used); hub (any other model).
"""

from rag.models.build import Progress, built_model, verify_model
from rag.models.factory import load_embedder

__all__ = ["Progress", "built_model", "load_embedder", "verify_model"]
