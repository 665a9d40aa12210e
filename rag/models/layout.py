"""What the bundled model is called and where its parts lie: all file names of the built folder."""

MODEL_NAME = "multilingual-e5-small"

EMBEDDER_NAME = f"{MODEL_NAME}-int8-1"
"""The built model in a store's fingerprint; the last number grows when its vectors change."""

BUILD_FOLDER = "e5-small-int8-1"
"""Its folder in the cache; the last number grows when its files change."""

MAX_TOKENS = 512
"""Positions the encoder has."""

PROMPTS = {"query": "query: ", "passage": "passage: ", "document": "passage: "}
"""The words the model was trained with in front of every text (Wang et al. 2024)."""

MODEL_FILE = "model.onnx"
DATA_FILE = "model.data"  # the weights of MODEL_FILE
PIECES_FILE = "pieces.marisa"
SCORES_FILE = "pieces.npy"
UNIGRAM_FILE = "unigram.json"
MANIFEST_FILE = "manifest.json"
