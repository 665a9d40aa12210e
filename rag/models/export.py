"""Packaged weights -> two small int8 ONNX models, the embedder and the reader.

Run as a program of its own: python -m rag.models.export FOLDER

A process of its own keeps torch's memory (over 1 GB), log lines and warnings out of the program that answers. It prints
one stage a line on standard output.

The order is what makes the model fast. sentence-transformers exports and fuses it (O3: attention, skip + layer norm,
GELU), and the fused graph is then quantised; its own quantiser would take the unfused one, for half the speed. Weights
become int8 per channel, the embedding table too; activations are quantised at run time. Last, the graph is saved as
ONNX Runtime rewrites it when loading, with the weights in a file beside it that is mapped into memory: 0.04 s to load
instead of 0.2 s.

The reader is the same graph with other numbers: what its training changed is put in place of the embedder's before
quantising, so that only one export has to be made.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.models.bundled import bert_tensors, write_model_folder
from rag.models.encoder import OnnxEmbedder
from rag.models.layout import DATA_FILE, HEAD_FILE, MODEL_FILE, PROMPTS, READER_DATA_FILE, READER_FILE
from rag.models.trained import HEAD, put_in_place, read_trained
from rag.models.unigram import write_unigram
from rag.models.weights import find_weights, read_weights
from rag.types import Vectors

MIN_COSINE = 0.99  # int8 to float32, of any of the sentences below; about 0.997 is usual

PARITY_SENTENCES = (
    "2023年全市地区生产总值比上年增长5.2%，其中第三产业增加值增长6.1%。",
    "会议审议通过了预算草案，决定提请下次全体会议表决。",
    "資料顯示，該河流全長約二百公里，流經三個縣市。",
    "The committee approved the budget and postponed the vote until next spring.",
    "東京で開かれた会議には三十か国が参加した。",
    "أعلنت الشركة نتائجها السنوية يوم الخميس.",
    "Wer hat den Vertrag unterschrieben, und wann?",
    "什么时候？",
)

_QUANTISED = ["MatMul", "Attention", "EmbedLayerNormalization", "Gather"]


def export_model(target: Path, report: Callable[[str], None]) -> None:
    """Write the int8 model and its tokenizer into the folder `target`; needs 1.5 GB for temporary files meanwhile.

    Raises WeightsMissingError, and ValueError where the result does not agree with float32.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder, fused = Path(scratch, "float32"), Path(scratch, "fused")
        report("weights")
        folder.mkdir()
        weights = read_weights(find_weights())
        write_model_folder(weights, folder)
        write_unigram(weights.vocabulary, weights.normaliser, target)
        report("export")
        from sentence_transformers import SentenceTransformer, export_optimized_onnx_model

        arguments = {"provider": "CPUExecutionProvider", "export": True}
        model = SentenceTransformer(str(folder), device="cpu", backend="onnx", model_kwargs=arguments)
        texts = [PROMPTS["passage"] + sentence for sentence in PARITY_SENTENCES]
        expected = np.asarray(model.encode(texts, normalize_embeddings=True), dtype=np.float32)
        report("fuse")
        export_optimized_onnx_model(model, "O3", str(fused))
        graph = next(fused.rglob("*.onnx"))
        # Where a processor has no int8 dot product (x86 before VNNI), products of full 8-bit weights overflow their
        # 16-bit sums. Weights of 7 bits do not, and lose little.
        for seven_bits in (False, True):
            report("quantise")
            _quantise(graph, target / MODEL_FILE, DATA_FILE, seven_bits)
            report("check")
            worst = min_cosine(OnnxEmbedder(target).embed_passages(PARITY_SENTENCES), expected)
            if worst >= MIN_COSINE:
                break
        else:
            raise ValueError(f"cosine to float32 is {worst:.4f}, under {MIN_COSINE}")
        report("reader")
        trained = read_trained()
        read = graph.with_name("reader.onnx")
        put_in_place(graph, bert_tensors(weights), trained, read)
        _quantise(read, target / READER_FILE, READER_DATA_FILE, seven_bits)
        np.save(target / HEAD_FILE, np.vstack([trained[HEAD[0]].T, trained[HEAD[1]][None, :]]))


def min_cosine(one: Vectors, other: Vectors) -> float:
    """The smallest of the cosines row by row; both [n, dim], rows of unit length."""
    return float((one * other).sum(axis=1).min())


def _quantise(fused: Path, target: Path, data: str, seven_bits: bool) -> None:
    """Write the int8 graph `target`, its weights in the file called `data` beside it."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    int8 = fused.with_name("int8.onnx")
    quantize_dynamic(
        fused,
        int8,
        op_types_to_quantize=_QUANTISED,
        per_channel=True,
        reduce_range=seven_bits,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},  # shape inference does not know fused operators
    )
    rewritten = fused.with_name("rewritten.onnx")
    options = onnxruntime.SessionOptions()
    # "Extended" fuses MatMulInteger with its scales; "all" would fit the graph to this very processor.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(rewritten)
    onnxruntime.InferenceSession(str(int8), options, providers=["CPUExecutionProvider"])
    target.with_name(data).unlink(missing_ok=True)
    onnx.save(onnx.load(rewritten), target, save_as_external_data=True, location=data)


def main() -> None:
    """`python -m rag.models.export FOLDER`: stages on standard output, the reason on standard error when it fails."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    export_model(Path(sys.argv[1]), lambda stage: print(stage, flush=True))


if __name__ == "__main__":
    main()
