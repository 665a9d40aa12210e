"""Pages as pictures: made from the file itself, what is cited marked, and only where the file is still that one."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rag.server.keys import KeyFile
from tests.conftest import FakeEmbedder
from tests.documents.corpus import FILLER, SECTIONS, Made, pdf, scan, word
from tests.server.conftest import make_settings
from tests.server.running import Running, serving

pytestmark = pytest.mark.slow

PAGE = 2
FACT = SECTIONS[PAGE - 1][1][2]
QUOTE = FACT.sentence.replace("二〇三一年", "二三一年")  # as OCR may read it


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(make_settings(tmp_path_factory.mktemp("pictures")), FakeEmbedder()) as running:
        yield running


@pytest.fixture
def http(running: Running):
    with running.client() as client:
        client.timeout = 300  # OCR on a busy machine
        yield client


def put(http, made: Made) -> dict:
    outcome = http.post("/documents", files={"files": (made.name, made.data)}).json()
    assert outcome["failed"] == {}
    return http.get(f"/documents/{outcome['documents'][0]['id']}").json()


def picture(answer) -> Image.Image:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def marks(page: Image.Image) -> tuple[float, float, float, float] | None:
    """What is marked, in shares of the page."""
    red, _, blue = np.moveaxis(np.asarray(page, dtype=int), 2, 0)
    box = Image.fromarray(red - blue > 150).getbbox()  # yellow, on white paper or on grey
    return box and (box[0] / page.width, box[1] / page.height, box[2] / page.width, box[3] / page.height)


def span(document: dict, quote: str) -> dict:
    start = document["text"].index(quote)
    return {"start": start, "end": start + len(quote)}


def test_the_sentence_is_marked_where_it_is_printed(http) -> None:
    document = put(http, pdf())
    assert document["pictures"]
    where = f"/documents/{document['id']}/pages/{PAGE}"
    answer = http.get(where, params=span(document, FACT.sentence))
    found = marks(picture(answer))
    assert found is not None
    left, top, right, bottom = found
    assert 0.08 < left < 0.2  # behind the indent
    assert 0.3 < right - left < 0.8
    assert 0.01 < bottom - top < 0.03  # one line of 10.5 points on a page of 842
    assert float(answer.headers["x-marked-at"]) == pytest.approx(top, abs=0.005)
    assert http.get(where, params=span(document, FACT.sentence) | {"check": "0000abcd"}).status_code == 404
    first = http.get(where, params=span(document, SECTIONS[PAGE - 1][1][0].sentence))
    assert float(first.headers["x-marked-at"]) < top - 0.05
    other = http.get(f"/documents/{document['id']}/pages/1", params=span(document, FACT.sentence))
    assert marks(picture(other)) is None
    assert "x-marked-at" not in other.headers
    assert http.get(f"/documents/{document['id']}/pages/9").status_code == 404


def test_columns_and_lines_that_the_sentence_runs_over(http) -> None:
    document = put(http, pdf("columns.pdf", 2))
    answer = http.get(f"/documents/{document['id']}/pages/1", params=span(document, FILLER[:45]))
    found = marks(picture(answer))
    assert found is not None
    assert found[2] < 0.52 or found[0] > 0.48  # within its column
    assert 0.03 < found[3] - found[1] < 0.07  # two lines or three


@pytest.mark.parametrize("made", [scan(angle=1.5), scan("scan.tif", "TIFF")], ids=["PDF", "TIFF"])
def test_on_a_scan_the_sentence_is_found_again(http, made: Made) -> None:
    document = put(http, made)
    quote = FACT.sentence if FACT.sentence in document["text"] else QUOTE
    answer = http.get(f"/documents/{document['id']}/pages/{PAGE}", params=span(document, quote))
    found = marks(picture(answer))
    assert found is not None
    assert found[:2] == pytest.approx((0.067, 0.31), abs=0.03)
    assert found[3] - found[1] < 0.07


def test_there_are_pictures_only_of_the_file_that_was_read(http, running: Running) -> None:
    document = put(http, word())
    assert not document["pictures"]
    assert http.get(f"/documents/{document['id']}/pages/1").status_code == 404
    document = put(http, pdf("own.pdf"))
    file = running.settings.uploads / "own.pdf"
    where = f"/documents/{document['id']}/pages/1"
    assert http.get(where).status_code == 200
    whole = file.read_bytes()
    file.write_bytes(whole + b"\n")
    assert http.get(where).status_code == 404
    file.unlink()
    assert http.get(where).status_code == 404
    assert not http.get(f"/documents/{document['id']}").json()["pictures"]
    os.mkfifo(file)
    assert http.get(where).status_code == 404
    file.unlink()
    file.write_bytes(whole)
    assert http.get(where).status_code == 200
    assert http.get("/documents/0123456789abcdef/pages/1").status_code == 404
    assert http.get(f"/documents/{document['id']}/pages/0").status_code == 422


def test_pictures_need_the_key_that_documents_need(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    key = KeyFile(settings.key_file).add("somebody", "write")
    with serving(settings, FakeEmbedder()) as running, running.client(key) as http, running.client() as other:
        where = f"/documents/{put(http, pdf())['id']}/pages/1"
        assert other.get(where).status_code == 401
        assert http.get(where).status_code == 200
