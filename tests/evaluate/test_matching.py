import pytest

from rag.evaluate.matching import holds_all, language_of, locate, sentence_around, squeeze


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("１,２３４ 万元", "1234万元"),
        ("1,234,567", "1234567"),
        ("2019, 300 people", "2019,300people"),  # a comma with a space behind it groups no digits
        ("1,23", "1,23"),
        ("Denver\n Broncos", "denverbroncos"),
        ("㎡", "m2"),
        ("臺灣", "臺灣"),
    ],
)
def test_squeeze(text: str, form: str) -> None:
    assert squeeze(text) == form


@pytest.mark.parametrize(
    ("needle", "text", "found"),
    [
        ("1234万元", "共１,２３４ 万元，和1234 万元", ["１,２３４ 万元", "1234 万元"]),
        ("百分之五", "增长百分\n之五。", ["百分\n之五"]),
        ("aa", "aaa", ["aa", "aa"]),
        ("㎡", "90㎡", ["㎡"]),
        ("无", "有", []),
        (" ", "有 无", []),
    ],
)
def test_locate_finds_what_squeezed_texts_share(needle: str, text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in locate(needle, text)] == found
    assert bool(found) == (squeeze(needle) != "" and squeeze(needle) in squeeze(text))


def test_every_group_needs_one_of_its_alternatives() -> None:
    groups = [("6.4%", "百分之六点四"), ("18%",)]
    assert holds_all(squeeze("香港 6.4 %，澳门 18%"), groups)
    assert not holds_all(squeeze("香港 6.4%"), groups)
    assert not holds_all(squeeze("香港 6.4%"), [])


def test_sentence_around() -> None:
    text = "第一句。第二句说了答案。第三句。"
    start = text.index("答案")
    left, right = sentence_around(text, start, start + 2)
    assert text[left:right] == "第二句说了答案。"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("黑豹队丢了多少分？", "zh"),
        ("NFL 的 Panthers 是哪支球队？", "zh"),
        ("梵文是哪一地區的語言？", "zh-Hant"),
        ("What does 梵文 mean in English?", "en"),
        ("Wie heißt die Stadt?", "other"),
        ("東京はどこですか", "other"),
        ("123?", "other"),
    ],
)
def test_language_of(text: str, language: str) -> None:
    assert language_of(text) == language
