from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rag.assistant import fingerprint_of
from rag.cache import TextCache, _Recent
from rag.ingest import ingest
from rag.store import open_store
from tests.conftest import FakeEmbedder


def test_the_least_recently_read_is_dropped_and_many_threads_agree() -> None:
    recent: _Recent[str] = _Recent(10, len)
    assert [recent.get(key, lambda: "abcd") for key in "xyz"] == ["abcd"] * 3
    made: list[str] = []
    for key in "zyx":
        recent.get(key, lambda key=key: made.append(key) or "efgh")  # type: ignore[misc]
    assert made == ["x"]


def test_no_text_of_another_generation_or_store(tmp_path: Path) -> None:
    embedder, folder = FakeEmbedder(), tmp_path / "s"
    (tmp_path / "a.txt").write_text("旧的文字在这里。")
    with open_store(folder, fingerprint_of(embedder), write=True) as store:
        texts = TextCache(store)
        for text in ("旧的文字在这里。", "新的文字在那里。"):
            (tmp_path / "a.txt").write_text(text)
            ingest([tmp_path / "a.txt"], store, embedder, base=tmp_path, limit_mb=1)
            (document,) = store.documents()
            assert texts.document(document.id).text == text
            with ThreadPoolExecutor(4) as pool:
                read = pool.map(texts.document, [document.id] * 50)
                assert {found.text for found in read} == {text}
