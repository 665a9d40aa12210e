"""`rag store copy`: between a folder and Milvus, both ways, also after a kill in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import CopyFaultError, StoreNotEmptyError
from rag.store import open_store
from rag.store.copy import copy_store, differences
from tests.conftest import ROOT

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import FINGERPRINT, make_document, make_file

_FILES = 9
_COPY = """
import sys
from rag.store import open_store
from rag.store.copy import copy_store
with open_store(sys.argv[1], None) as source:
    with open_store(sys.argv[2], source.fingerprint, write=True) as target:
        copy_store(source, target, lambda done, of: print(done, flush=True))
"""


def some_documents() -> ReferenceStore:
    reference = ReferenceStore(FINGERPRINT)
    for i in range(_FILES):
        reference.add(f"新闻/{i}.txt", make_file(f"新闻/{i}.txt", documents=1 + i % 2))
    reference.add("长.md", [make_document("长.md", passages=60)])
    return reference


@pytest.fixture
def reference() -> ReferenceStore:
    return some_documents()


def _fill(where: str, reference: ReferenceStore) -> None:
    with open_store(where, FINGERPRINT, write=True) as store:
        for path in reference.sources():
            store.add(path, reference.stored(path))
        store.refresh()


def there_and_back(start: str, middle: str, end: str, reference: ReferenceStore) -> None:
    """Kills the copying process twice before it may finish; nothing it said was done is done again."""
    _fill(start, reference)
    for said in (3, 3):
        with subprocess.Popen([sys.executable, "-c", _COPY, start, middle], stdout=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            for _ in range(said):
                assert one.stdout.readline()
            one.send_signal(signal.SIGKILL)
    for source, target in ((start, middle), (middle, end)):
        with open_store(source, None) as opened, open_store(target, FINGERPRINT, write=True) as made:
            done = copy_store(opened, made)
            assert done.copied + done.there == len(reference.sources())
            assert done.there >= (3 if target == middle else 0)
            assert done.passages == reference.passage_count()
            assert_same_answers(made, reference)
            assert list(made.verify()) == []
            again = copy_store(opened, made)
            assert (again.copied, again.there) == (0, len(reference.sources()))


def test_to_milvus_and_back(tmp_path: Path, reference: ReferenceStore) -> None:
    pytest.importorskip("milvus_lite", reason="the extra rag[milvus] is not installed")
    there_and_back(str(tmp_path / "from"), f"milvus://{tmp_path}/store.db", str(tmp_path / "to"), reference)


def test_a_copy_goes_among_no_other_documents(tmp_path: Path, reference: ReferenceStore) -> None:
    for name in ("from", "to"):
        _fill(str(tmp_path / name), reference)
    with open_store(tmp_path / "from", FINGERPRINT, write=True) as source:
        source.remove("长.md")
    with (
        open_store(tmp_path / "from", None) as source,
        open_store(tmp_path / "to", None, write=True) as target,
        pytest.raises(StoreNotEmptyError, match=r"长\.md"),
    ):
        copy_store(source, target)


def test_the_command(tmp_path: Path, reference: ReferenceStore) -> None:
    pytest.importorskip("milvus_lite", reason="the extra rag[milvus] is not installed")
    _fill(str(tmp_path / "from"), reference)
    place = f"milvus://{tmp_path}/store.db"

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "rag", *arguments]
        environment = os.environ | {"RAG_LANGUAGE": "en"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )

    done = run("store", "copy", "from", place)
    assert (done.returncode, done.stderr) == (0, "")
    passages = reference.passage_count()
    assert done.stdout == f"10 files copied, 0 there already; {passages} passages compared, all the same.\n"
    listed = run("docs", "list", "--json", "--store", place)
    assert len(json.loads(listed.stdout)) == len(reference.documents())
    refused = run("backup", "copy.sqlite", "--store", place)
    assert refused.returncode == 1
    assert "rag store copy milvus:///" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_what_differs_is_named(tmp_path: Path, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = reference.stored("长.md")
    assert list(differences([one], [one])) == []
    other = make_document("长.md", passages=60, seed=1)
    assert list(differences([one], [other])) == ["its text or what is known of it"]
    _fill(str(tmp_path / "from"), reference)
    with open_store(tmp_path / "from", None) as source, open_store(tmp_path / "to", FINGERPRINT, write=True) as target:
        monkeypatch.setattr(target, "stored", lambda path: [])
        with pytest.raises(CopyFaultError, match=r"0\.txt"):
            copy_store(source, target)
