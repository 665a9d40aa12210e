"""What the bundled models are called and where their parts lie: all file names of the package and the built folder."""

MODEL_NAME = "multilingual-e5-small"

EMBEDDER_NAME = f"{MODEL_NAME}-int8-2"
"""The built model in a store's fingerprint; the last number grows when its vectors change."""

READER_NAME = f"{MODEL_NAME}-reader"

MAX_TOKENS = 512
"""Positions the encoder has."""

PROMPTS = {"query": "query: ", "passage": "passage: ", "document": "passage: "}
"""The words the model was trained with in front of every text (Wang et al. 2024)."""

# In the package. All of it counts in the name of the built folder: see rag.models.build.
GRAPH_FILE = "encoder.onnx"  # what is computed, without the numbers; one graph for the embedder and the reader
ORDER_FILE = "encoder.json"  # the numbers that DATA_FILE holds, in its order: [name, type, shape]
ACTIVATIONS_FILE = "activations.safetensors"  # how activations become bytes: see rag.models.numbers
PARITY_FILE = "parity.npy"  # the float32 model's vectors of PARITY_SENTENCES
READER_WEIGHTS_FILE = "reader.safetensors"  # what training changed

QUESTION_MAP_FILE = "question_map.npy"
"""In the package, float16 [dim + 1, dim]: takes a question's vector to Chinese text; the last row is the bias."""

# In the built folder.
EMBEDDER_FOLDER = "embedder"
READER_FOLDER = "reader"
DATA_FILE = "encoder.data"  # beside GRAPH_FILE in both: its numbers
HEAD_FILE = "reader-head.npy"  # [hidden + 1, 3]: weights, and below them the bias
PIECES_FILE = "pieces.marisa"
SCORES_FILE = "pieces.npy"
UNIGRAM_FILE = "unigram.json"
MANIFEST_FILE = "manifest.json"
