"""Bytes that went astray, an end that is cut off, and encodings that nothing here knows."""

import pytest

from rag.documents.readers.encoding import decode
from rag.errors import NotTextError

CHINESE = "武汉市去年的地区生产总值增长百分之五点二，规模以上工业增加值增长。" * 3


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_byte_astray_costs_itself_alone(encoding: str) -> None:
    data = CHINESE.encode(encoding)
    text = decode(data[:60] + b"\xff" + data[60:], "a.txt")
    assert text.replace("\ufffd", "") == CHINESE


def test_an_end_within_a_character() -> None:
    assert decode(CHINESE.encode()[:-2], "a.txt").removesuffix("\ufffd") == CHINESE[:-1]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Élève à l'école, déjà vu, ça va".encode("cp1252"), "Élève à l'école, déjà vu, ça va"),
        (b"A list\n\x95 one thing\n\x95 and another\n", "A list\n• one thing\n• and another\n"),
    ],
)
def test_a_few_marks_of_windows(data: bytes, text: str) -> None:
    assert decode(data, "a.txt") == text


@pytest.mark.parametrize(
    "data", ["Příliš žluťoučký kůň úpěl ďábelské ódy".encode("cp1250"), "Zażółć gęślą jaźń, potem".encode("cp1250")]
)
def test_what_reads_well_in_no_known_encoding_is_told(data: bytes) -> None:
    with pytest.raises(NotTextError):
        decode(data, "a.txt")
