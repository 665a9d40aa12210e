"""What is wrong with a damaged file: in the reader's language, and where a library quotes the file, still one line."""

import pytest

from rag.documents.build import build
from rag.documents.readers import Source
from rag.errors import DamagedFileError
from tests.documents.corpus import slides
from tests.documents.hostile import changed


def test_what_a_parser_quotes_of_a_file_is_escaped() -> None:
    data = changed(slides().data, "ppt/presentation.xml", '<a xmlns="http://\x7f\u202e\u07bb">x</a>'.encode())
    with pytest.raises(DamagedFileError) as told:
        build(Source("a.pptx", data))
    assert str(told.value).isprintable()
    assert "http://\\x7f\\u202e\\u07bb" in str(told.value)


@pytest.mark.parametrize(
    ("name", "data", "english", "chinese"),
    [
        ("a.pdf", b"\0\1\2" * 99, "(not PDF)", "（不是 PDF）"),
        ("a.eml", b"\0\1\2" * 99, "(not e-mail)", "（不是电子邮件）"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(99), "(no picture that can be opened)", "（其中没有可以打开的图像）"),
        ("a.jsonl", b'{"text": "x"}\n{"text": "y"}\n{\n', "(line 3: ", "（第 3 行："),
    ],
)
def test_the_reasons_of_our_own_are_told_in_both_languages(name: str, data: bytes, english: str, chinese: str) -> None:
    with pytest.raises(DamagedFileError) as told:
        build(Source(name, data))
    assert english in told.value.message("en")
    assert chinese in told.value.message("zh")
