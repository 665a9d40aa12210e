"""A store in a real Milvus server: the contract, copies, and the server killed and started again under a writer and a
reader. One server for all of it: it takes its time to start, and two cannot run side by side."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from rag.errors import StoreUnreachableError
from rag.server.settings import ServerSettings
from rag.store import open_store
from rag.types import Filter, Store
from tests.conftest import ROOT, FakeEmbedder
from tests.server.running import answers, serving, until

from .compare import assert_same_answers
from .conftest import RunningMilvus
from .contract import StoreContract
from .reference import ReferenceStore
from .samples import FINGERPRINT, make_document, make_file
from .test_copy import some_documents, there_and_back
from .test_milvus import start_writer

pytestmark = pytest.mark.slow
whole = pytest.mark.skipif(os.environ.get("MILVUS_TESTS") != "all", reason="takes minutes: make milvus")


def test_a_server_answers_as_the_exact_reference_does(milvus: RunningMilvus) -> None:
    """The contract in one store; the whole of it, a store a test, is below."""
    milvus.wipe()
    reference = ReferenceStore(FINGERPRINT)
    with open_store(milvus.address(), FINGERPRINT, write=True) as writing:
        assert writing.begin_run(["新闻"]) == 1
        for filled in (writing, reference):
            for i in range(8):
                path = f"{'报告' if i % 2 else '新闻'}/{i}.txt"
                filled.add(path, make_file(path, seed=i, documents=1 + i % 3))
            filled.add("long.md", [make_document("long.md", passages=150)])
            filled.remove("新闻/4.txt")
            filled.refresh()
        writing.end_run(1, "done", {"added": 9}, 200, ())
        assert_same_answers(writing, reference)
        with open_store(milvus.address(), FINGERPRINT) as reader:
            assert [run.ending for run in reader.runs()] == ["done"]
            for filters in (Filter(paths=("报告",)), Filter(since="2024"), Filter(metadata=(("kind", ("b",)),))):
                assert_same_answers(reader, reference, filters=filters)
            (one, *_) = reference.stored("long.md")
            for at in one.sentences[:20]:
                assert at in reader.alike(one.document.text[at.start : at.end])
            assert list(reader.verify()) == []


@whole
class TestMilvusServer(StoreContract):
    @pytest.fixture
    def store(self, milvus: RunningMilvus) -> Iterator[Store]:
        milvus.wipe()
        with open_store(milvus.address(), FINGERPRINT, write=True) as store:
            yield store


def test_to_a_milvus_server_and_back(milvus: RunningMilvus, tmp_path: Path) -> None:
    milvus.wipe()
    there_and_back(str(tmp_path / "from"), milvus.address(), str(tmp_path / "to"), some_documents())


def test_readers_follow_the_writer(milvus: RunningMilvus) -> None:
    """In a store beside the first, searched by another index."""
    where = milvus.address("beside", index="HNSW")
    reference = ReferenceStore(FINGERPRINT)
    with open_store(where, FINGERPRINT, write=True) as writing, open_store(where, FINGERPRINT) as reader:
        for filled in (writing, reference):
            filled.add("a.txt", make_file("a.txt", documents=3))
            filled.add("b.txt", make_file("b.txt"))
            filled.remove("b.txt")
            filled.refresh()
        _wait_for(lambda: list(reader.sources()) == ["a.txt"])
        assert_same_answers(reader, reference)


def _wait_for(true: Callable[[], bool], seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.2)
    assert true()


@whole
def test_the_server_killed_under_a_writer_and_a_reader(milvus: RunningMilvus) -> None:
    """In time the writer goes on where it was; out of time it is told in one line. Nothing acknowledged is lost."""
    milvus.wipe()
    reference = ReferenceStore(FINGERPRINT)

    def add(store: Store, number: int) -> None:
        path = f"{number}.txt"
        store.add(path, make_file(path))
        reference.add(path, make_file(path))

    with open_store(milvus.address(patience=120), FINGERPRINT, write=True) as writing:
        for number in range(3):
            add(writing, number)
        writing.refresh()
        with open_store(milvus.address(patience=1), FINGERPRINT) as reader:
            assert_same_answers(reader, reference)
            milvus.kill()
            with pytest.raises(StoreUnreachableError, match=r"^milvus://\S+: Milvus does not answer [^\n]*$"):
                reader.search_dense(make_file("x.txt")[0].vectors[0], 3)
            again = threading.Thread(target=milvus.start)
            again.start()
            add(writing, 3)  # waits until the server is back
            again.join()
            _wait_for(lambda: _answers(reader), 60)
        writing.refresh()
        assert_same_answers(writing, reference)
    with open_store(milvus.address(), FINGERPRINT) as reader:
        assert_same_answers(reader, reference)
        assert list(reader.verify()) == []


def _answers(reader: Store) -> bool:
    try:
        return len(reader.search_dense(make_file("x.txt")[0].vectors[0], 3)) == 3
    except StoreUnreachableError:
        return False


def test_a_killed_writing_process_leaves_its_place_at_once(milvus: RunningMilvus) -> None:
    milvus.wipe()
    with start_writer(milvus.address()) as writing:
        assert writing.stdout is not None
        acknowledged = {writing.stdout.readline().strip() for _ in range(4)}
        writing.kill()
        acknowledged |= {line.strip() for line in writing.stdout if line.endswith(".txt\n")}
    with open_store(milvus.address(), FINGERPRINT, write=True) as left:
        assert acknowledged <= set(left.sources())
        assert len(left.sources()) <= len(acknowledged) + 1
        assert list(left.verify()) == []


@contextmanager
def _proxied(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """nginx before servers on `ports`, as docs/scaling.md says; its address."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    (shown,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "scaling.md").read_text("utf-8"), flags=re.DOTALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for number, own in zip((8001, 8002, 8000), (*ports, port), strict=True):
        shown = shown.replace(f"127.0.0.1:{number}", f"127.0.0.1:{own}")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
    (folder / "nginx.conf").write_text(f"{whole}http {{ access_log off; {temporary}\n{shown}}}")
    command = [program, "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as proxy:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            proxy.terminate()


@whole
def test_several_servers_behind_a_proxy(milvus: RunningMilvus, tmp_path: Path) -> None:
    """Any of them answers the same; what is added by way of one is answered by the other; one may go."""
    embedder = FakeEmbedder()

    def settings(name: str) -> ServerSettings:
        folder = tmp_path / name
        folder.mkdir()
        return ServerSettings(store=folder / "vectorstore", milvus=milvus.address("shared"), min_confidence=0.0)

    def asked(client: httpx2.Client, question: str) -> str:
        answer = client.post("/ask", json={"question": question}).json()
        return f"{answer['text']} {[(one['path'], one['quote']) for one in answer['citations']]}"

    with ExitStack() as stack:
        first = stack.enter_context(serving(settings("a"), embedder))
        stopping = stack.enter_context(ExitStack())
        second = stopping.enter_context(serving(settings("b"), embedder))
        url = stack.enter_context(_proxied(tmp_path, [first.port, second.port]))
        client = stack.enter_context(httpx2.Client(base_url=url, timeout=60, trust_env=False))
        until(lambda: answers(client))
        text = "智新科技召开年会\n智新科技去年销量达到53万套。\n今年目标是85万套。\n"
        told = client.post(
            "/documents", files=[("files", ("智新.txt", text.encode()))], headers={"Accept": "application/json"}
        )
        assert told.status_code == 200, told.text
        question = "智新科技去年的销量是多少?"
        both = [one.client() for one in (first, second)]
        _wait_for(lambda: all("53万套" in asked(one, question) for one in both), 30)
        assert len({asked(client, question) for _ in range(6)}) == 1
        for one in both:
            one.close()
        stopping.close()
        assert all("53万套" in asked(client, question) for _ in range(4))
