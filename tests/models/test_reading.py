"""The reader's rows: which token is which characters, and what is read off the scores. With the real vocabulary."""

import numpy as np
import pytest

from rag.models.layout import MAX_TOKENS
from rag.models.reading import lay_out, read_scores, sentence_tokens
from rag.models.unigram import Unigram
from rag.settings import Settings

pytestmark = pytest.mark.model
TEXT = "公司成立于2004年，总部設在 武汉经开区。去年销量达到５３万套。\nIt has  two plants."
SENTENCES = [(0, 22), (22, 33), (34, len(TEXT))]


@pytest.fixture(scope="module")
def tokenizer(settings: Settings) -> Unigram:
    from rag.models import built_model

    return Unigram(built_model(settings.cache))


@pytest.mark.parametrize("text", [TEXT, "", " ", "a", "１.５％  ﬁne ①\t。", "▁ \u0301x 東京", "\ud800字"])
def test_tokens_know_their_characters(tokenizer: Unigram, text: str) -> None:
    spans = tokenizer.encode_spans(text)
    assert [token for token, _, _ in spans] == tokenizer.encode(text)[1:-1]
    edges = [edge for _, start, end in spans for edge in (start, end)]
    assert edges == sorted(edges) or all(0 <= edge <= len(text) for edge in edges)
    for word in ("公司", "2004", "plants", "字"):
        if word in text:
            at = text.index(word)
            inside = [(a, b) for _, a, b in spans if a < at + len(word) and b > at]
            assert min(a for a, _ in inside) <= at
            assert max(b for _, b in inside) >= at + len(word)


def test_each_sentence_has_its_own_tokens(tokenizer: Unigram) -> None:
    row = lay_out(tokenizer, "总部在哪里？", "智新科技介绍", TEXT)
    assert row.ids[0] == tokenizer.bos
    assert row.ids[-1] == tokenizer.eos
    tokens = sentence_tokens(row, SENTENCES)
    for (first, last), (start, end) in zip(tokens, SENTENCES, strict=True):
        text = TEXT[row.spans[first - row.first][0] : row.spans[last - 1 - row.first][1]]
        assert text.strip() == TEXT[start:end].strip()


def test_traditional_and_simplified_are_one_row(tokenizer: Unigram) -> None:
    one, other = (lay_out(tokenizer, "總部設在哪裡？", "", text) for text in ("總部設在武漢。", "总部设在武汉。"))
    assert (one.ids, one.spans) == (other.ids, other.spans)


def test_the_best_words_of_each_sentence_are_found(tokenizer: Unigram) -> None:
    row = lay_out(tokenizer, "哪一年成立？", "", TEXT)
    scores = np.zeros((len(row.ids), 3), dtype=np.float32)
    wanted = TEXT.index("2004年"), TEXT.index("2004年") + len("2004年")
    inside = [row.first + i for i, (a, b) in enumerate(row.spans) if a < wanted[1] and b > wanted[0]]
    scores[inside[0], 0] = scores[inside[-1], 1] = 5.0
    first, last = sentence_tokens(row, SENTENCES)[0]
    scores[first:last, 2] = 2.0
    scores[0] = 1.0, 1.0, 0.5
    readings = read_scores(row, SENTENCES, scores)
    assert TEXT[slice(*readings[0].span)].startswith("2004年")
    assert readings[0].span_score == pytest.approx(8.0)
    assert [one.relevance for one in readings] == pytest.approx([1.5, -0.5, -0.5])


def test_overlong_input_is_cut_and_every_sentence_still_has_a_reading(tokenizer: Unigram) -> None:
    text = "武汉，" * 600
    row = lay_out(tokenizer, "问" * 1500, "题" * 120, text)
    assert len(row.ids) <= MAX_TOKENS
    readings = read_scores(row, [(0, 3), (1797, 1800)], np.ones((len(row.ids), 3), dtype=np.float32))
    assert len(readings) == 2
    assert readings[1].span == (0, 0)
