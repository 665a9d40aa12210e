"""What the bundled models are called and where their parts lie: all file names of the built folder."""

MODEL_NAME = "multilingual-e5-small"

EMBEDDER_NAME = f"{MODEL_NAME}-int8-1"
"""The built model in a store's fingerprint; the last number grows when its vectors change."""

BUILD_FOLDER = "e5-small-int8-2"
"""Their folder in the cache; the last number grows when its files change."""

MAX_TOKENS = 512
"""Positions the encoder has."""

PROMPTS = {"query": "query: ", "passage": "passage: ", "document": "passage: "}
"""The words the model was trained with in front of every text (Wang et al. 2024)."""

READER_NAME = f"{MODEL_NAME}-reader-1"
"""The reader; the last number grows when it is trained anew."""

READER_WEIGHTS_FILE = "reader.safetensors"  # in the package: what training changed

QUESTION_MAP_FILE = "question_map.npy"
"""In the package, float16 [dim + 1, dim]: takes a question's vector to Chinese text; the last row is the bias."""

MODEL_FILE = "model.onnx"
DATA_FILE = "model.data"  # the weights of MODEL_FILE
READER_FILE = "reader.onnx"
READER_DATA_FILE = "reader.data"
HEAD_FILE = "reader-head.npy"  # [hidden + 1, 3]: weights, and below them the bias
PIECES_FILE = "pieces.marisa"
SCORES_FILE = "pieces.npy"
UNIGRAM_FILE = "unigram.json"
MANIFEST_FILE = "manifest.json"
