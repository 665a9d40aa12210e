"""What a library says of a damaged file may quote it: the line stays one that can be shown anywhere."""

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
