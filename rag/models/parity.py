"""Whether an int8 model agrees with the float32 model that it was made from."""

import io

import numpy as np

from rag.models.layout import PARITY_FILE
from rag.models.numbers import packaged
from rag.types import Embedder, Vectors

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


def worst_cosine(embedder: Embedder) -> float:
    """The smallest cosine of its vectors of PARITY_SENTENCES to those of the float32 model, which are packaged."""
    return min_cosine(embedder.embed_passages(PARITY_SENTENCES), np.load(io.BytesIO(packaged(PARITY_FILE))))


def min_cosine(one: Vectors, other: Vectors) -> float:
    """The smallest of the cosines row by row; both [n, dim], rows of unit length."""
    return float((one * other).sum(axis=1).min())
