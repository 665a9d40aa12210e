"""Three tokenizers must agree: ours, the one SentenceTransformer reads, and the engine the weights come with."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from rag.models.tokenizer import build_tokenizer, precompiled_charsmap
from rag.models.unigram import Unigram, write_unigram
from rag.models.weights import Vocabulary, Weights

from . import tiny
from .engine import Engine

HARD = [
    "",
    " ",
    "  leading, trailing  ",
    "你好，世界！今年全市生产总值（GDP）增长5.2%。",
    "資料顯示，該河流全長約二百公里。",
    "The quick brown fox; 3.14 × 10⁻⁹ m²",
    "東京で開かれた会議に、ﾊﾝｶｸ ｶﾞﾊﾟ の参加者。",
    "أعلنت الشركة نتائجها السنوية ﷺ ﷲ",
    "שָׁלוֹם עֲלֵיכֶם",
    "हिन्दी में क्षेत्र ज़्यादा",
    "ภาษาไทยไม่มีช่องว่าง",
    "👩‍👩‍👧‍👦 👍🏽 🇨🇳 ☃️ ™️",
    "ＦＵＬＬ ｗｉｄｔｈ，１２３　４５６",
    "e\u0301 é ñ n\u0303 ª\u0301 ²\u0301 ﬂ\u0301 №\u0301",
    "𓀀𓀁 𠮷𠮾 \U0010fffd \ue000\ue001",
    "㍿ ㈱ ① Ⅷ ﬁ ﬃ ½ ℡ ㌔",
    "<s> </s> <pad> <unk> <mask> <unk><unk> <UNK>",
    "a\tb\r\nc\u000bd\u0085e\u2028f\u200bg\u200dh\ufeffi\u00a0j",
    "▁already ▁▁marked ▁",
    "\x01\x02\x7f control\x1f",
    "\u0301starts with an accent",
    "一" * 3000,
    "https://example.org/a?b=c&d=%E4%BD%A0#e_f-g",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unigram, Tokenizer]:
    """Ours and the Hugging Face one, with the tiny vocabulary."""
    folder = tmp_path_factory.mktemp("tiny")
    write_unigram(tiny.VOCABULARY, tiny.NORMALISER, folder)
    return Unigram(folder), _as_text(build_tokenizer(tiny.VOCABULARY, tiny.NORMALISER))


@pytest.fixture(scope="session")
def standard(model_folder: Path) -> Tokenizer:
    return _as_text(Tokenizer.from_file(str(model_folder / "tokenizer.json")))


def _as_text(tokenizer: Tokenizer) -> Tokenizer:
    """As transformers sets it up from split_special_tokens: "<s>" in a text is text."""
    tokenizer.encode_special_tokens = True
    return tokenizer


LETTERS = st.text(st.sampled_from("abcxy<>unkAª\u0301ａﬂ▁ \t\x01é中"), max_size=12)


@given(text=LETTERS)
@example("abc")
@example("xyx x<unk>y")
@example("ª\u0301b")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_finds_the_most_probable_pieces(small: tuple[Unigram, Tokenizer], text: str) -> None:
    ours, theirs = small
    ids = ours.encode("b " + text)
    assert ids == theirs.encode("b " + text).ids
    assert _score(tiny.VOCABULARY, ids) == pytest.approx(_best(_marked("b " + text)))


def _marked(text: str) -> str:
    normal = "".join(tiny.NORMALISER.get(character, character) for character in text)
    while "  " in normal:
        normal = normal.replace("  ", " ")
    return "▁" + normal.replace(" ", "▁")


def _best(marked: str) -> float:
    """The same by trying every way to cut: best score of `marked`, one character after another."""
    scores = dict(zip(tiny.PIECES, tiny.VOCABULARY.scores, strict=True))
    del scores["<unk>"]
    best = [0.0]
    for end in range(1, len(marked) + 1):
        ways = [best[start] + scores[marked[start:end]] for start in range(end) if marked[start:end] in scores]
        best.append(max([*ways, best[end - 1] + min(tiny.VOCABULARY.scores) - 10]))
    return best[-1]


def _score(vocabulary: Vocabulary, ids: Sequence[int]) -> float:
    """Log probability of a segmentation; an unknown character scores 10 below the rarest piece."""
    unknown = min(vocabulary.scores) - 10
    return sum(unknown if token == vocabulary.unk else vocabulary.scores[token] for token in ids[1:-1])


CHARACTERS = st.characters(min_codepoint=1, codec="utf-8")


@given(st.dictionaries(CHARACTERS, st.text(CHARACTERS, max_size=3), max_size=60))
@settings(deadline=None)
def test_charsmap_replaces_each_character(rules: dict[str, str]) -> None:
    normaliser = normalizers.Precompiled(precompiled_charsmap(rules | {"x": "y"}))
    for character, replacement in rules.items():
        assert normaliser.normalize_str(character) == ("y" if character == "x" else replacement)


@pytest.mark.parametrize("damage", ["unigram.json", "pieces.npy", "pieces.marisa"])
def test_a_damaged_file_is_an_error_of_a_known_kind(tmp_path: Path, damage: str) -> None:
    write_unigram(tiny.VOCABULARY, tiny.NORMALISER, tmp_path)
    (tmp_path / damage).write_bytes(b"\0\1\2")
    with pytest.raises((OSError, ValueError, KeyError, RuntimeError)):
        Unigram(tmp_path)


@pytest.mark.model
@pytest.mark.parametrize("text", HARD)
def test_hard_texts(unigram: Unigram, standard: Tokenizer, engine: Engine, text: str) -> None:
    for prefix in ("query: ", "passage: "):
        ids = unigram.encode(prefix + text)
        assert ids == standard.encode(prefix + text).ids
        assert ids[1:-1] == engine.tokens(prefix + text)


ANY = st.text(CHARACTERS, max_size=60)
MIXED = st.text(st.sampled_from(sorted({*"".join(HARD), "\u0301", "\u200d"})), max_size=60)  # likelier to be in pieces


@pytest.mark.model
@given(text=ANY | MIXED)
@settings(deadline=None, max_examples=300)
def test_any_text(unigram: Unigram, standard: Tokenizer, engine: Engine, weights: Weights, text: str) -> None:
    ids = unigram.encode("query: " + text)
    assert ids == standard.encode("query: " + text).ids
    assert_as_engine(ids, engine.tokens("query: " + text), weights.vocabulary)


def assert_as_engine(ids: Sequence[int], engine_tokens: Sequence[int], vocabulary: Vocabulary) -> bool:
    """Whether all tokens are the engine's; where not, it must be a tie.

    The engine adds in float32 from the text's first character on, and its rounding decides between ways to cut that are
    equally probable, as i + ii and ii + i are.
    """
    if list(ids[1:-1]) == list(engine_tokens):
        return True
    ours, theirs = _score(vocabulary, ids), _score(vocabulary, [0, *engine_tokens, 2])
    assert ours >= theirs - 1e-9
    assert ours - theirs <= 1e-6 * abs(ours)
    return False


@pytest.mark.model
def test_every_character(unigram: Unigram, standard: Tokenizer, engine: Engine, weights: Weights) -> None:
    """Each between letters and before an accent, a thousand to a text; of the empty planes, some."""
    codes = [*range(1, 0xD800), *range(0xE000, 0x32000), *range(0x32000, 0x110000, 97)]
    for start in range(0, len(codes), 1000):
        text = " ".join(f"a{chr(code)}\u0301b{chr(code)}" for code in codes[start : start + 1000])
        ids = unigram.encode(text)
        assert ids == standard.encode(text).ids, hex(codes[start])
        assert_as_engine(ids, engine.tokens(text), weights.vocabulary)


@pytest.mark.model
def test_xquad_in_all_languages(unigram: Unigram, engine: Engine, weights: Weights, data: Path) -> None:
    """Every fourth paragraph and its questions; each language from another one on."""
    files = sorted((data / "xquad").glob("*.json"))
    assert len(files) == 12
    ties = total = 0
    for start, file in enumerate(files):
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        for paragraph in paragraphs[start % 4 :: 4]:
            for text in [paragraph["context"], *(qa["question"] for qa in paragraph["qas"])]:
                tokens = engine.tokens("passage: " + text)
                ties += not assert_as_engine(unigram.encode("passage: " + text), tokens, weights.vocabulary)
                total += 1
    assert total == 17160 / 4
    assert ties <= 1


@pytest.mark.model
def test_very_long(unigram: Unigram, standard: Tokenizer, engine: Engine, weights: Weights, seeds: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(seeds.glob("*.txt")))
    text += text.replace("\n", "") * 3 + "A" * 3000
    assert len(text) > 150_000
    ids = unigram.encode(text)
    assert ids == standard.encode(text).ids
    assert_as_engine(ids, engine.tokens(text), weights.vocabulary)


@pytest.mark.model
@pytest.mark.parametrize("text", ["a\0b", "\0", "你\0\0好"])
def test_nul_is_an_unknown_character(unigram: Unigram, standard: Tokenizer, text: str) -> None:
    assert unigram.encode("query: " + text) == standard.encode("query: " + text).ids


@pytest.mark.model
def test_half_a_surrogate_pair_is_a_space(unigram: Unigram) -> None:
    assert unigram.encode("query: a\ud800b\udfff") == unigram.encode("query: a\ufffdb\ufffd")
