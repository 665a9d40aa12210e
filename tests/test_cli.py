"""The command line as a user runs it: the real program in a process of its own, the real model, the real seeds."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.settings import Settings
from rag.types import Embedder

pytestmark = pytest.mark.model

QUESTION = "智新科技去年的销量是多少?"


def rag(*arguments: str | Path, store: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"RAG_STORE": str(store), "RAG_LANGUAGE": "en", "HF_HUB_OFFLINE": "1"} | environment,
    )


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The message of a command that failed as it should: its exit code, one line, no traceback."""
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.fixture(scope="module")
def store(filled: Settings) -> Path:
    """Of the seeds."""
    return filled.store


# --- answering ---------------------------------------------------------------------------------------------------


def test_ask_prints_the_sentence_and_its_source(store: Path) -> None:
    result = rag("ask", QUESTION, store=store)
    assert result.returncode == 0
    assert "达到53万套。 [1]" in result.stdout
    assert "000_41db2e3e070d3103.txt L25" in result.stdout
    assert "“两万亿之城”武汉力挺中部崛起" in result.stdout
    assert "\x1b" not in result.stdout  # no colour in a pipe


def test_ask_json_is_the_answer_and_verbatim(store: Path, seeds: Path) -> None:
    answer = json.loads(rag("ask", QUESTION, "--json", store=store).stdout)
    assert answer["status"] == "answered"
    citation = answer["citations"][0]
    text = rag("docs", "show", citation["document_id"], store=store).stdout
    assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_ask_abstains_with_exit_code_3_and_a_reason(store: Path) -> None:
    result = rag("ask", "2030年火星基地的人口是多少?", store=store)
    assert result.returncode == 3
    assert result.stdout.startswith("No answer: ")
    assert "没有答案" in rag("ask", "2030年火星基地的人口是多少?", store=store, RAG_LANGUAGE="auto").stdout
    english = rag("ask", "What is the boiling point of tungsten?", "--json", store=store)
    assert english.returncode == 3
    assert json.loads(english.stdout)["citations"] == []


def test_an_abstention_shows_the_nearest_sentences_apart(store: Path) -> None:
    silent = {"RAG_MIN_CONFIDENCE": "1"}
    result = rag("ask", QUESTION, store=store, **silent)
    assert result.returncode == 3
    said, _, near = result.stdout.partition("\n\nPossibly, please check:\n")
    assert said.startswith("No answer: ")
    answer = json.loads(rag("ask", QUESTION, "--json", store=store, **silent).stdout)
    assert (answer["status"], answer["citations"], answer["sentences"]) == ("abstained", [], [])
    first = answer["nearest"][0]
    assert first["confidence"] == answer["confidence"]
    assert "53万套" in "".join(first["text"][a:b] for a, b in first["highlights"])
    shown = [(f"{one['confidence']:>4.0%}  {one['text']}", one["citation"]) for one in answer["nearest"]]
    assert len(near.splitlines()) == 2 * len(shown)
    for (line, citation), sentence, source in zip(shown, *[iter(near.splitlines())] * 2, strict=True):
        assert sentence == line
        assert source.startswith(f"      {citation['path']} {citation['locator']}  {citation['title']}")
        assert (
            rag("docs", "show", citation["document_id"], store=store).stdout[citation["start"] : citation["end"]]
            in line
        )
    chat = subprocess.run(
        [sys.executable, "-m", "rag", "chat"],
        input=QUESTION,
        capture_output=True,
        text=True,
        env=os.environ | {"RAG_STORE": str(store), "RAG_LANGUAGE": "zh"} | silent,
    )
    assert f"\n可能相关，请核对：\n{shown[0][0]}\n" in chat.stdout


def test_ask_explain_shows_scores(store: Path) -> None:
    result = rag("ask", QUESTION, "--explain", store=store)
    assert "cosine" in result.stdout
    assert result.stdout.count("\t") > 40


def test_ask_batch_answers_a_set_in_order(store: Path, tmp_path: Path) -> None:
    lines = [
        {"id": "b", "question": QUESTION, "answers": ["53万套"], "doc": None, "all": False, "kind": "figure"},
        {"id": "a", "question": "它今年的目标呢?", "answers": ["85万套"], "history": [["user", QUESTION]]},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = rag("ask", "--batch", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl", store=store)
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == ["b", "a"]
    assert "85万套" in answers[1]["text"]


def test_ask_batch_goes_on_behind_a_question_that_is_too_long(store: Path, tmp_path: Path) -> None:
    lines = [{"id": n, "question": asked, "answers": []} for n, asked in (("a", "长" * 3000), ("b", QUESTION))]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out.jsonl"
    line = rag("ask", "--batch", tmp_path / "in.jsonl", "--out", out, store=store)
    assert line.returncode == 1
    assert line.stderr.splitlines()[-1].startswith("1 of 2 questions could not be asked")
    refused, answered = [json.loads(line) for line in out.read_text().splitlines()]
    assert "2000 characters" in refused["error"]
    assert answered["status"] == "answered"


def test_only_some_documents_are_asked(store: Path, tmp_path: Path) -> None:
    def asked(*filters: str) -> dict:
        return json.loads(rag("ask", QUESTION, "--json", *filters, store=store).stdout)

    everywhere = asked()
    (path,) = {one["path"] for one in everywhere["citations"]}
    for where in (f"path={path}", "path=*/000_*"):
        assert asked("--where", where)["citations"] == everywhere["citations"]
    elsewhere = asked("--where", "path=*/004_*", "--since", "2025-07", "--until", "2025")
    shown = [*elsewhere["citations"], *(one["citation"] for one in elsewhere["nearest"])]
    assert all("/004_" in one["path"] for one in shown)
    assert elsewhere["reason"] != "no_match"
    assert asked("--until", "1999")["reason"] == "no_match"
    chat = subprocess.run(
        [sys.executable, "-m", "rag", "chat", "--where", "source=x"],
        env=os.environ | {"RAG_STORE": str(store), "RAG_LANGUAGE": "en"},
        input=QUESTION,
        capture_output=True,
        text=True,
    )
    assert "No answer: no document matches the filter." in chat.stdout


def test_chat_keeps_the_thread_until_new(store: Path) -> None:
    asked = [
        QUESTION,
        "那今年的目标呢?",
        "",
        "/help",
        "/new",
        "How many medals did it win?",
        "x" * 2001,
        "/quit",
        QUESTION,
    ]
    result = subprocess.run(
        [sys.executable, "-m", "rag", "chat"],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        env=os.environ | {"RAG_STORE": str(store), "RAG_LANGUAGE": "en"},
    )
    assert result.returncode == 0
    assert result.stderr.startswith("The question is too long")
    first, second, help_, new, fresh, _, _ = result.stdout.split("\n> ")[1:]
    assert first.startswith(QUESTION)
    assert "53万套" in first
    assert "Understood as" not in first
    assert "Understood as: 智新科技今年的销量目标是多少？" in second
    assert "85万套" in second
    assert "/new starts over" in help_
    assert "A new conversation." in new
    assert "Understood as" not in fresh


def test_chat_ends_with_its_input(store: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "rag", "chat", "--store", store], input=b"\xff\n", capture_output=True, env=os.environ
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert one_line(rag("chat", "--store", store / "none", store=store), 1)


def test_answering_imports_neither_torch_nor_transformers(store: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "rag", "ask", QUESTION],
        capture_output=True,
        text=True,
        env=os.environ | {"RAG_STORE": str(store)},
    )
    assert result.returncode == 0
    modules = {line.split("|")[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert "onnxruntime" in modules
    assert not modules & {"torch", "transformers", "sentence_transformers", "optimum"}


# --- keeping the store -------------------------------------------------------------------------------------------


def test_a_second_ingest_changes_nothing(store: Path, seeds: Path) -> None:
    result = rag("ingest", seeds, "--json", store=store)
    report = json.loads(result.stdout)
    assert (report["added"], report["updated"], report["unchanged"], report["failed"]) == (0, 0, 5, 0)
    assert report["documents"] == 14


def test_the_same_question_gives_the_same_bytes_in_another_process(store: Path) -> None:
    answers = [json.loads(rag("ask", QUESTION, "--json", store=store, PYTHONHASHSEED=seed).stdout) for seed in "12"]
    assert answers[0].pop("timings_ms")
    assert answers[1].pop("timings_ms")
    assert answers[0] == answers[1]


def test_verify_and_doctor_find_all_well(store: Path) -> None:
    verified = rag("verify", store=store)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "All is well: 14 documents" in verified.stdout
    doctor = rag("doctor", store=store)
    assert doctor.returncode == 0, doctor.stdout
    assert "!!" not in doctor.stdout


def test_a_backup_put_in_a_folder_of_its_own_is_the_store(store: Path, tmp_path: Path) -> None:
    copied = rag("backup", tmp_path / "store.sqlite", store=store)
    assert (copied.returncode, copied.stderr) == (0, "")
    assert "14 documents" in copied.stdout
    (tmp_path / "vectorstore").mkdir()
    (tmp_path / "store.sqlite").rename(tmp_path / "vectorstore" / "store.sqlite")
    assert "达到53万套。 [1]" in rag("ask", QUESTION, store=tmp_path / "vectorstore").stdout
    verified = rag("verify", store=tmp_path / "vectorstore")
    assert verified.returncode == 0, verified.stdout
    well, note = verified.stdout.splitlines()
    assert well.startswith("All is well: 14 documents")
    assert note.startswith("No search indexes yet")
    assert "no store here yet" in one_line(rag("backup", tmp_path / "x", store=tmp_path / "none"), 1)
    assert not (tmp_path / "x").exists()


def test_docs_list_and_remove(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("智新科技去年销量达到53万套。")
    own = tmp_path / "vectorstore"
    assert rag("ingest", tmp_path / "a.txt", store=own).returncode == 0
    assert [d["path"] for d in json.loads(rag("docs", "list", "--json", store=own).stdout)] == ["a.txt"]
    assert rag("docs", "remove", "a.txt", store=own).stdout == "1 removed.\n"
    assert "a.txt" in one_line(rag("docs", "remove", "a.txt", store=own), 2)
    assert json.loads(rag("docs", "list", "--json", store=own).stdout) == []
    assert (tmp_path / "a.txt").exists()


def test_eval_prints_one_json_object(store: Path, seeds: Path) -> None:
    result = rag("eval", seeds / "qa.jsonl", "--split", "dev", "--sample", "10", "--json", "--quiet", store=store)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["metrics"]["verbatim"]["value"] == 1.0


def test_eval_asks_a_sets_own_documents_unless_a_store_is_named(store: Path, tmp_path: Path) -> None:
    qa = {"id": "1", "question": "青山湖水泵厂去年造了多少水泵？", "answers": [{"text": "53万套", "answer_start": -1}]}
    paragraph = {"context": "青山湖水泵厂去年造了53万套水泵。", "qas": [qa]}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"data": [{"title": "", "paragraphs": [paragraph]}]}), "utf-8")

    def asked(*arguments: str | Path) -> tuple[dict, dict]:
        result = rag("eval", path, "--json", "--quiet", *arguments, store=store)  # RAG_STORE is set, and not asked
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)
        return found["asked"], found["metrics"]["recall@1"]

    own, found = asked()
    assert (own["store"], own["built"], own["documents"], found["value"]) == ("own.json", True, 1, 1.0)
    assert asked("--build")[0] == own
    named, _ = asked("--store", store)
    assert (named["store"], named["built"], named["documents"]) == (str(store), False, 14)
    told = one_line(rag("eval", path, "--since", "2023", "--quiet", store=store), 2)
    assert told == f"--where: {path} brings its own documents; only a store can be filtered: add --store."
    assert asked("--store", store, "--where", "path=nowhere/*")[0]["only"] == "path=nowhere/*"
    assert "brings no documents" in one_line(rag("eval", "seeds/qa.jsonl", "--build", store=store), 2)


# --- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("ask", ""), 2, "The question is empty"),
        (("ask", "q" * 100_000), 2, "too long (100000 characters)"),
        (("ingest", "nowhere/at/all.txt"), 2, "nowhere/at/all.txt: no such file"),
        (("ask", QUESTION, "--where", "reports"), 2, "--where: reports: give path=PATTERN or NAME=VALUE"),
        (("chat", "--since", "2023-02-30"), 2, "2023-02-30 is no date; give 2023, 2023-05 or 2023-05-17."),
        (("eval", "nowhere.jsonl"), 2, "nowhere.jsonl: no such file"),
        (("docs", "show", "nothing"), 2, "nothing: no such document is stored; see: rag docs list"),
        (("docs", "remove", "nothing"), 2, "nothing: no such document is stored; see: rag docs list"),
        (("ask",), 2, "rag ask: give a question, or a set of them with --batch."),
        (("ask", "--batch", "seeds/qa.jsonl"), 2, "--batch: needs a file for the answers: --out FILE"),
        (("ask", QUESTION, "--explain", "--json"), 2, "--explain: is for reading; leave --json out."),
        (("ingest", "seeds", "--watch", "--dry-run"), 2, "--watch: takes changes in; leave --dry-run out."),
        (("store", "copy", "a", "a"), 2, "a: is the store itself; name another place."),
        (("ask", "--batch", "seeds/qa.jsonl", "--out", "nowhere/at/all.jsonl"), 2, "nowhere/at: no such file"),
    ],
)
def test_wrong_usage_gets_one_line(store: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    assert says in one_line(rag(*arguments, store=store), code)


def test_wrong_options_exit_with_2(store: Path) -> None:
    assert rag("ask", "--nosuch", store=store).returncode == 2
    assert "RAG_TOP_K" in one_line(rag("ask", QUESTION, store=store, RAG_TOP_K="many"), 2)


def test_bad_files_get_one_line_each_and_nothing_stored_is_lost(embedder: Embedder, tmp_path: Path) -> None:
    own = tmp_path / "vectorstore"
    (tmp_path / "good.txt").write_text("智新科技去年销量达到53万套。")
    assert rag("ingest", tmp_path / "good.txt", store=own).returncode == 0
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(os.urandom(5000))
    (tmp_path / "long.txt").write_text("长" * 50_000_000)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    for name, code, says in [
        ("empty.txt", 1, "no text"),
        ("binary.txt", 1, "not a text file"),
        ("long.txt", 1, "150 MB is over the limit of 20 MB"),
        ("picture.png", 1, "damaged, or not what it seems to be (no picture"),
        ("gone.txt", 2, "no such file"),
    ]:
        result = rag("ingest", "--quiet", tmp_path / name, store=own)
        line = one_line(result, code)
        assert name in line
        assert says in line
    assert "All is well: 1 documents" in rag("verify", store=own).stdout
    assert rag("ask", "智新科技去年的销量是多少?", store=own).returncode in (0, 3)


def test_an_unreadable_file_gets_one_line(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()  # reading it fails for every user, root as well
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "a.txt").write_text("内容。")
    (tmp_path / "locked" / "a.txt").chmod(0)
    if os.access(tmp_path / "locked" / "a.txt", os.R_OK):
        pytest.skip("this user reads every file (root)")
    line = one_line(rag("ingest", "-q", tmp_path / "locked" / "a.txt", store=tmp_path / "vectorstore"), 1)
    assert "a.txt: cannot be read" in line


def test_a_long_single_line_under_the_limit_is_read(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_text("没有标点的一整行文字" * 2000)
    result = rag("ingest", "--json", tmp_path / "line.txt", store=tmp_path / "vectorstore")
    assert json.loads(result.stdout)["added"] == 1
    assert rag("verify", store=tmp_path / "vectorstore").returncode == 0


def test_no_store_yet_says_what_to_do(tmp_path: Path) -> None:
    assert "rag ingest" in one_line(rag("ask", QUESTION, store=tmp_path / "none"), 1)
    assert not (tmp_path / "none").exists()
    assert "还没有文档库" in one_line(rag("ask", QUESTION, store=tmp_path / "none", RAG_LANGUAGE="zh"), 1)


def test_a_store_of_another_embedder_is_refused_with_the_command_that_mends_it(
    settings: Settings, embedder: Embedder, tmp_path: Path
) -> None:
    from rag.store import open_store
    from rag.types import Fingerprint

    own = tmp_path / "vectorstore"
    open_store(own, Fingerprint("another-model", 384, "1"), write=True).close()
    line = one_line(rag("ask", QUESTION, store=own), 1)
    assert "another-model" in line
    assert "rag ingest --rebuild" in line
    (tmp_path / "a.txt").write_text("智新科技去年销量达到53万套。")
    assert rag("ingest", "--rebuild", tmp_path / "a.txt", store=own).returncode == 0
    assert rag("verify", store=own).returncode == 0


def test_a_second_writer_is_told_at_once(embedder: Embedder, tmp_path: Path, seeds: Path) -> None:
    from rag.assistant import fingerprint_of
    from rag.store import open_store

    with open_store(tmp_path / "vectorstore", fingerprint_of(embedder), write=True):
        line = one_line(rag("ingest", "-q", seeds, store=tmp_path / "vectorstore"), 1)
    assert "another process is writing" in line


def test_an_unknown_embedder_gets_one_line_at_once(store: Path) -> None:
    started = time.monotonic()
    line = one_line(rag("ask", QUESTION, store=store, RAG_EMBEDDER="nobody/no-such-model"), 1)
    assert "nobody/no-such-model" in line
    assert time.monotonic() - started < 30


_WORKER_DIES = """
import sys
from rag.documents import reading
started = reading._started
def start(limits):
    worker = started(limits)
    worker.kill()
    worker.wait()
    return worker
reading._started = start
from rag.cli import main
main()
"""


def test_a_reader_that_dies_costs_its_file_alone(store: Path, tmp_path: Path) -> None:
    """Also where what is sent to it breaks the pipe, which by itself ends a program of the command line."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"%PDF-1.7\n" + bytes(500_000))
    (folder / "b.txt").write_text("第一句话在这里。")
    result = subprocess.run(
        [sys.executable, "-c", _WORKER_DIES, "ingest", str(folder), "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"RAG_STORE": str(tmp_path / "vectorstore"), "RAG_LANGUAGE": "en"},
    )
    told = json.loads(result.stdout)
    assert result.returncode == 1, result.stderr
    assert told["added"] == 1
    assert "reading it ended in a crash" in result.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing(embedder: Embedder, tmp_path: Path, small_disk: Path, seeds: Path) -> None:
    (tmp_path / "a.txt").write_text("智新科技去年销量达到53万套。")
    own = small_disk / "vectorstore"
    assert rag("ingest", tmp_path / "a.txt", store=own).returncode == 0
    line = one_line(rag("ingest", "-q", seeds, store=own), 1)
    assert "no space left" in line
    listed = json.loads(rag("docs", "list", "--json", store=own).stdout)
    assert (tmp_path / "a.txt").as_posix() in [document["path"] for document in listed]


@pytest.mark.slow
def test_an_ingest_killed_at_any_moment_goes_on_where_it_was(embedder: Embedder, tmp_path: Path, seeds: Path) -> None:
    """SIGKILL at random moments of the real command: each time the store opens and verifies; in the end it is whole."""
    own, moments = tmp_path / "vectorstore", random.Random(7)
    environment = os.environ | {"RAG_STORE": str(own)}
    acknowledged: set[str] = set()
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-m", "rag", "ingest", "-q", str(seeds)], env=environment)
        time.sleep(moments.uniform(0.2, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not own.exists():
            continue
        verified = rag("verify", store=own)
        if "no store here yet" in verified.stderr:
            continue
        # The truth is whole at every moment; an index that is behind it is told, and made up for.
        faults = verified.stdout.splitlines() if verified.returncode else []
        assert all(fault.startswith("index: of generation") for fault in faults), faults
        listed = {document["path"] for document in json.loads(rag("docs", "list", "--json", store=own).stdout)}
        assert acknowledged <= listed
        acknowledged = listed
    assert rag("ingest", "-q", seeds, store=own).returncode == 0
    assert "All is well: 14 documents" in rag("verify", store=own).stdout


# --- following a folder, and the log of runs -------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_folder_is_followed_until_a_signal_ends_it(embedder: Embedder, tmp_path: Path, how: signal.Signals) -> None:
    store, folder = tmp_path / "vectorstore", tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("第一句话在这里。")
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "ingest", "--watch", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
        env=os.environ | {"RAG_STORE": str(store), "RAG_LANGUAGE": "en"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("1 added, 0 updated")
    assert process.stdout.readline() == "Following; end it with Ctrl-C.\n"
    (folder / "b.txt").write_text("第二句话在这里。")
    assert process.stdout.readline() == "added docs/b.txt\n"
    (folder / "a.txt").unlink()
    assert process.stdout.readline() == "removed docs/a.txt\n"
    process.send_signal(how)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told) == (0, "", "")
    assert rag("verify", store=store).returncode == 0
    runs = json.loads(rag("docs", "log", "--json", store=store).stdout)
    assert [(run["ending"], run["counts"]["added"], run["counts"]["removed"]) for run in runs] == [
        ("done", 0, 1),
        ("done", 1, 0),
        ("done", 1, 0),
    ]


def test_the_log_says_what_every_run_did_and_which_was_killed(embedder: Embedder, tmp_path: Path) -> None:
    store, folder = tmp_path / "vectorstore", tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("第一句话在这里。")
    (folder / "b.txt").write_bytes(bytes(range(256)) * 9)
    assert rag("ingest", folder, store=store).returncode == 1
    header, row = (line.split("\t") for line in rag("docs", "log", store=store).stdout.splitlines())
    told = dict(zip(header, row, strict=True))
    assert (told["run"], told["ended"], told["added"], told["failed"], told["asked"]) == (
        *("1", "done", "1", "1"),
        str(folder),
    )
    one = rag("docs", "log", "1", store=store).stdout.splitlines()
    assert len(one) == 3
    assert one[2].startswith("docs/b.txt: not a text file")
    assert "不是文本文件" in rag("docs", "log", "1", store=store, RAG_LANGUAGE="zh").stdout
    assert json.loads(rag("docs", "log", "1", "--json", store=store).stdout)["failed"][0]["kind"] == "NotTextError"
    assert rag("docs", "--log", "1", store=store).stdout.splitlines() == one
    assert one_line(rag("docs", "log", "7", store=store), 2) == "7: no such run; see: rag docs log"

    (folder / "long.txt").write_text("".join(f"第{n}句话写在这里，说的是第{n}件事情。\n" for n in range(3000)))
    command = [sys.executable, "-m", "rag", "ingest", "-q", str(folder)]
    process = subprocess.Popen(command, env=os.environ | {"RAG_STORE": str(store)})
    while len(json.loads(rag("docs", "log", "--json", store=store).stdout)) < 2:
        assert process.poll() is None
    process.kill()
    process.wait()
    assert "not ended: at work, or killed" in rag("docs", "log", store=store).stdout
    (folder / "long.txt").unlink()
    rag("ingest", folder, store=store)
    endings = [run["ending"] for run in json.loads(rag("docs", "log", "--json", store=store).stdout)]
    assert endings == ["done", "killed", "done"]
