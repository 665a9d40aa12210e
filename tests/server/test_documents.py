"""Documents over HTTP: in, listed, shown, out; beside answering, and on disk as `rag ingest` would have it."""

import errno
import json
import threading
import time
from pathlib import Path

import httpx2
import pytest

from rag.documents import DocumentReader
from rag.ingest import ingest
from rag.server.refusals import OverloadedError
from rag.server.uploads import Uploads, safe_name
from rag.server.worker import Worker
from rag.store import open_store
from tests.conftest import FakeEmbedder
from tests.documents.corpus import FACTS, MAKERS
from tests.server.conftest import SALES, make_settings
from tests.server.running import Running, serving


@pytest.fixture
def running(tmp_path: Path):
    with serving(make_settings(tmp_path), FakeEmbedder()) as running:
        yield running


@pytest.fixture
def http(running: Running):
    with running.client() as client:
        yield client


def upload(http, *files: tuple[str, bytes], **options):
    return http.post("/documents", files=[("files", (name, data)) for name, data in files], **options)


def faults(running: Running) -> list[str]:
    with open_store(running.settings.store, None) as store:
        return list(store.verify())


NEW = "临空港召开大会\n临空港去年引进企业九百家。\n".encode()
QUESTION = {"question": "临空港去年引进企业多少家？"}


def test_a_file_is_taken_in_found_shown_and_removed(running: Running, http) -> None:
    outcome = upload(http, ("大会.txt", NEW))
    assert outcome.status_code == 200
    path = "vectorstore-files/大会.txt"
    assert outcome.json()["added"] == [path]
    (document,) = outcome.json()["documents"]
    assert (running.settings.store.parent / path).read_bytes() == NEW

    answer = http.post("/ask", json=QUESTION).json()
    assert answer["citations"][0]["document_id"] == document["id"]
    shown = http.get(f"/documents/{document['id']}").json()
    assert [shown["text"][a:b] for a, b in shown["sentences"]] == ["临空港召开大会", "临空港去年引进企业九百家。"]
    listed = http.get("/documents").json()
    assert document in listed["documents"]
    assert listed["total"] == len(listed["documents"])
    assert http.get("/documents", params={"limit": 1, "offset": 1}).json()["documents"] == listed["documents"][1:2]
    assert faults(running) == []

    assert upload(http, ("大会.txt", NEW)).json()["unchanged"] == [path]
    changed = upload(http, ("大会.txt", NEW + "另有外企七家。\n".encode())).json()
    assert changed["updated"] == [path]

    assert http.delete(f"/documents/{document['id']}").json() == {"path": path, "documents": 1}
    assert http.get(f"/documents/{document['id']}").status_code == 404
    assert http.delete(f"/documents/{document['id']}").status_code == 404
    assert not (running.settings.store.parent / path).exists()
    assert document["id"] not in http.post("/ask", json=QUESTION).text
    assert faults(running) == []


def test_what_was_uploaded_is_what_rag_ingest_of_its_folder_finds(running: Running, http) -> None:
    upload(http, ("a.txt", NEW), ("b.md", b"# Title\n\nThe town counts 40 bridges.\n"))
    with open_store(running.settings.store, None, write=True) as store:
        base = running.settings.store.parent
        report = ingest([running.settings.uploads], store, FakeEmbedder(), base=base, limit_mb=1)
    assert report.unchanged == ["vectorstore-files/a.txt", "vectorstore-files/b.md"]
    assert not report.changed


def test_text_is_taken_in(http) -> None:
    outcome = http.post("/documents", json={"name": "纪要", "text": "会议纪要\n会议决定拨款三千万元。"})
    assert outcome.json()["added"] == ["vectorstore-files/纪要.txt"]


SAID = {"title": "年度大会", "date": "2024-05", "metadata": {"source": " 新华社 ", "栏目": "要闻"}}
KEPT = {"source": "新华社", "栏目": "要闻"}


@pytest.mark.parametrize("way", ["form", "json"])
def test_what_is_said_of_a_document_is_listed_cited_and_filtered_by(running: Running, http, way: str) -> None:
    if way == "form":
        sent = SAID | {"metadata": json.dumps(SAID["metadata"])}
        outcome = upload(http, ("大会.txt", NEW), data=sent).json()
    else:
        outcome = http.post("/documents", json={"name": "大会.txt", "text": NEW.decode()} | SAID).json()
    (document,) = outcome["documents"]
    assert [document[name] for name in ("title", "date", "metadata")] == ["年度大会", "2024-05", KEPT]
    assert document in http.get("/documents").json()["documents"]
    for filters, found in (
        ({"metadata": {"source": "新华社"}, "since": "2024-05", "until": "2024"}, {"年度大会"}),
        ({"metadata": {"source": ["人民日报"]}}, set()),
        ({"until": "2024-04"}, set()),
    ):
        answer = http.post("/ask", json=QUESTION | {"filters": filters}).json()
        assert {one["title"] for one in answer["citations"] if one["document_id"] == document["id"]} == found
    assert upload(http, ("大会.txt", NEW)).json()["unchanged"]  # nothing new is said of it: what was said stays
    assert document in http.get("/documents").json()["documents"]
    assert upload(http, ("大会.txt", NEW), data={"date": "2025"}).json()["updated"]
    (again,) = (one for one in http.get("/documents").json()["documents"] if one["id"] == document["id"])
    assert (again["title"], again["date"], again["metadata"]) == ("临空港召开大会", "2025", {})
    assert faults(running) == []


@pytest.mark.parametrize(
    ("said", "told", "chinese"),
    [
        ({"date": "去年"}, "date: 去年 is no date; give 2023, 2023-05 or 2023-05-17.", "date：去年 不是日期"),
        ({"title": "长" * 1001}, "give one line of at most 1000 characters", "title：长长"),
        ({"title": "a\x00b"}, "title: ab is no title", "title：ab 不能作标题"),
        ({"metadata": "source=新华社"}, "metadata: give a JSON object", "metadata：请用 JSON 对象"),
        ({"metadata": "[" * 100_000}, "metadata: give a JSON object", "metadata：请用 JSON 对象"),
        ({"metadata": '{"source": 3}'}, "metadata: names and values are texts of 1 to 1000", "1 到 1000 个字符"),
        ({"metadata": json.dumps({"source": "x" * 1001})}, "names and values are texts", "名称和值须为"),
        ({"metadata": json.dumps({f"n{n}": "x" for n in range(101)})}, "metadata: more than 100 names.", "超过 100 个"),
        ({"metadata": '{"path": "x"}'}, "path: is no name for metadata.", "path：不能作为元数据的名称"),
    ],
)
def test_what_cannot_be_said_of_a_document_is_refused_in_one_line(http, said, told: str, chinese: str) -> None:
    before = http.get("/documents").json()["total"]
    for language, line in (("en", told), ("zh-CN", chinese)):
        refused = upload(http, ("a.txt", NEW), data=said, headers={"Accept-Language": language})
        assert refused.status_code == 422
        assert refused.json()["code"] == "facts"
        assert line in refused.json()["detail"]
        assert len(refused.json()["detail"].splitlines()) == 1
    assert http.get("/documents").json()["total"] == before


def test_a_title_is_for_one_document(running: Running, http) -> None:
    two = upload(http, ("a.txt", NEW), ("b.txt", NEW), data={"title": "年会"})
    assert (two.status_code, two.json()["detail"]) == (422, "title: is for one file; send them one at a time.")
    several = (running.settings.store.parent / "documents" / "several.txt").read_bytes()
    outcome = upload(http, ("several.txt", several), data={"title": "年会"}).json()
    assert outcome["added"] == []
    assert "holds several documents" in outcome["failed"]["vectorstore-files/several.txt"]
    assert not (running.settings.uploads / "several.txt").exists()
    metadata = json.dumps({"source": "x"})
    held = upload(http, ("several.txt", several), ("a.txt", NEW), data={"metadata": metadata}).json()["documents"]
    assert [one["metadata"] for one in held] == [{"source": "x"}] * 5


def test_progress_comes_as_events(running: Running, http) -> None:
    answer = upload(http, ("a.txt", NEW), ("b.txt", NEW * 2), headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in event.split("\n")) for event in answer.text.split("\n\n") if event]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    told = [json.loads(event["data"]) for event in events[:-1]]
    names = {"vectorstore-files/a.txt", "vectorstore-files/b.txt"}
    for stage, files in {"read": names, "split": names, "embed": names, "index": {""}}.items():
        assert {one["file"] for one in told if one["stage"] == stage} == files
    stages = [one["stage"] for one in told]
    assert (stages[0], stages[-1]) == ("read", "index")
    assert all(0 <= one["done"] <= one["total"] for one in told)
    assert events[-1]["event"] == "done"
    assert len(json.loads(events[-1]["data"])["documents"]) == 2

    with open_store(running.settings.store, None, write=True):
        busy = upload(http, ("c.txt", NEW), headers={"Accept": "text/event-stream"})
    assert busy.text.startswith("event: error\n")
    assert json.loads(busy.text.split("data: ")[1])["code"] == "store_busy"


def test_a_stream_says_that_it_lives_while_nothing_happens(http, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in = Uploads.take_in
    monkeypatch.setattr("rag.server.documents.QUIET_SECONDS", 0.05)
    monkeypatch.setattr(Uploads, "take_in", lambda *given: [time.sleep(0.3), take_in(*given)][1])
    told = upload(http, ("a.txt", NEW), headers={"Accept": "text/event-stream"}).text.split("\n\n")
    assert told[0] == told[1] == ":"
    assert told[-2].startswith("event: done\n")
    assert any(one.startswith("event: progress\n") for one in told)


def test_while_another_process_writes_uploads_are_told_to_wait_and_questions_go_on(running: Running, http) -> None:
    with open_store(running.settings.store, None, write=True):
        refused = upload(http, ("a.txt", NEW))
        assert refused.status_code == 503
        assert refused.json()["code"] == "store_busy"
        assert int(refused.headers["retry-after"]) > 0
        assert http.post("/ask", json={"question": SALES}).status_code == 200
    assert not (running.settings.uploads / "a.txt").exists()
    assert upload(http, ("a.txt", NEW)).status_code == 200


def test_a_file_that_cannot_be_read_changes_nothing(running: Running, http) -> None:
    upload(http, ("a.txt", NEW))
    outcome = upload(http, ("a.txt", b"\x00\x01\x02" * 50), ("leer.txt", b" \n"), ("gut.txt", NEW)).json()
    assert outcome["added"] == ["vectorstore-files/gut.txt"]
    assert "not a text file" in outcome["failed"]["vectorstore-files/a.txt"]
    assert "no text" in outcome["failed"]["vectorstore-files/leer.txt"]
    chinese = upload(http, ("leer.txt", b" \n"), headers={"Accept-Language": "zh-CN"}).json()
    assert chinese["failed"] == {"vectorstore-files/leer.txt": "vectorstore-files/leer.txt：文件里没有文字，已跳过。"}
    assert (running.settings.uploads / "a.txt").read_bytes() == NEW
    assert list((running.settings.uploads / ".incoming").iterdir()) == []
    assert faults(running) == []


def test_a_file_that_takes_long_to_read_is_read_once(http, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = DocumentReader._ask
    monkeypatch.setattr(DocumentReader, "_ask", lambda self, source: [asked.append(source.path), ask(self, source)][1])
    made = MAKERS["Word"]()
    assert upload(http, ("once.docx", made.data)).json()["added"] == ["vectorstore-files/once.docx"]
    assert asked == ["vectorstore-files/once.docx"]


@pytest.mark.parametrize("kind", ["Word", "PDF", "Excel", "zip"])
def test_every_format_is_taken_in_by_the_same_door(running: Running, http, kind: str) -> None:
    made = MAKERS[kind]()
    outcome = upload(http, (made.name, made.data)).json()
    assert outcome["added"] == [f"vectorstore-files/{made.name}"]
    documents = [http.get(f"/documents/{one['id']}").json() for one in outcome["documents"]]
    held = {document["unit"]: document["text"] for document in documents}
    at = made.places[FACTS[0]]
    assert FACTS[0].value in held[at.rstrip("0123456789")]
    if kind == "zip":
        assert list(outcome["failed"]) == ["vectorstore-files/a.zip/图.png"]
        assert documents[0]["path"] == f"vectorstore-files/a.zip/{made.member}"
        removed = http.delete(f"/documents/{documents[0]['id']}").json()
        assert removed == {"path": "vectorstore-files/a.zip", "documents": 1}
        assert not (running.settings.uploads / "a.zip").exists()
    assert faults(running) == []


def test_a_file_of_several_documents_is_removed_as_a_whole_and_only_when_meant(running: Running, http) -> None:
    several = [d for d in http.get("/documents").json()["documents"] if d["path"].endswith("several.txt")]
    assert len(several) == 4
    refused = http.delete(f"/documents/{several[1]['id']}")
    assert refused.status_code == 409
    assert "4 documents" in refused.json()["detail"]
    removed = http.delete(f"/documents/{several[1]['id']}", params={"all": True})
    assert removed.json() == {"path": several[0]["path"], "documents": 4}
    assert (running.settings.store.parent / "documents" / "several.txt").exists()  # not ours to delete
    assert http.get(f"/documents/{several[0]['id']}").status_code == 404


def test_answers_come_from_one_generation_while_documents_come_and_go(running: Running, http) -> None:
    """Each state holds the two sentences of one file; no answer may mix those of two states."""
    stop = threading.Event()
    failures: list[str] = []

    def write() -> None:
        with running.client() as client:
            for n in range(100, 112):
                text = f"轮换的文件第{n}号\n轮换工厂甲车间产量是{n}吨。\n轮换工厂乙车间产量是{n}吨。\n"
                answer = upload(client, ("轮换.txt", text.encode()))
                if answer.status_code != 200:
                    failures.append(answer.text)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    generations = []
    while not stop.is_set():
        answer = http.post("/ask", json={"question": "轮换工厂甲车间和乙车间产量是多少吨？"}).json()
        quotes = [c["quote"] for c in answer["citations"] if "轮换工厂" in c["quote"]]
        numbers = {quote[-5:-2] for quote in quotes}
        generations.append(answer["index"]["generation"])
        if len(numbers) > 1:
            failures.append(f"mixed: {quotes}")
    writer.join()
    assert failures == []
    assert generations == sorted(generations)
    assert len(set(generations)) > 1
    assert faults(running) == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("报告.txt", "报告.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\a.TXT", "a.TXT"),
        ("/etc/a.md", "a.md"),
        ("C:\\a.txt", "a.txt"),
        (".hidden.txt", "hidden.txt"),
        ("...txt.txt", "txt.txt"),
        ("<script>alert(1)<.txt", "_script_alert(1)_.txt"),
        ('a"b|c?d*e:f.txt', "a_b_c_d_e_f.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
        ("a\x00.txt", "a.txt"),
        ("\u202etxt.exe.txt", "txt.exe.txt"),
        ("con.txt", "con_.txt"),
        ("a .txt", "a.txt"),
        ("e\u0301.txt", "\u00e9.txt"),
    ],
)
def test_a_file_name_stays_in_its_folder(given: str, safe: str) -> None:
    assert safe_name(given) == safe


def test_a_long_file_name_is_cut_at_a_character() -> None:
    name = safe_name("长" * 300 + ".txt")
    assert len(name.encode()) <= 204
    assert set(name.removesuffix(".txt")) == {"长"}


def test_what_is_refused_leaves_no_files_behind(running: Running, http, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise OverloadedError()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as busy:
        busy.setattr(Worker, "run", refuse)
        assert upload(http, ("a.txt", NEW)).status_code == 503
    with monkeypatch.context() as small:
        small.setattr("rag.server.uploads.os.fsync", full)
        assert upload(http, ("a.txt", NEW)).status_code == 507
    assert list((running.settings.uploads / ".incoming").iterdir()) == []
    assert upload(http, ("a.txt", NEW)).status_code == 200


def test_what_nobody_foresaw_is_told_in_events_too(running: Running, http, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("a thing of this machine")

    monkeypatch.setattr(Uploads, "take_in", fail)
    told: list[str] = []
    with (
        pytest.raises(httpx2.RemoteProtocolError),  # after what was said, it breaks off
        http.stream(
            "POST", "/documents", files=[("files", ("a.txt", NEW))], headers={"Accept": "text/event-stream"}
        ) as answer,
    ):
        told.extend(answer.iter_lines())
    assert told[0] == "event: error"
    assert json.loads(told[1].removeprefix("data: "))["status"] == 500
    assert "machine" not in told[1]
