"""What a store in Milvus adds to the contract: addresses, one writer, readers that follow, what a kill leaves."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rag.errors import (
    SettingError,
    StoreError,
    StoreExtraMissingError,
    StoreLockedError,
    StoreMismatchError,
    StoreMissingError,
    StoreUnreachableError,
    StoreVersionError,
)
from rag.settings import load_settings
from rag.store import open_store
from rag.store.milvus import connection, lease, log, runs, search, store, writer
from rag.store.milvus.address import parse_address
from rag.store.milvus.store import MilvusStore
from rag.types import Failure, Filter, Fingerprint

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import DIM, FINGERPRINT, make_document, make_file, unit_vectors, with_sentences

pytest.importorskip("milvus_lite", reason="the extra rag[milvus] is not installed")


@pytest.fixture
def where(tmp_path: Path) -> str:
    return f"milvus://{tmp_path}/store.db"


@pytest.fixture
def reference() -> ReferenceStore:
    return ReferenceStore(FINGERPRINT)


class TestAddress:
    def test_parts(self) -> None:
        address = parse_address("milvus://me:p%40ss@db.local/news?index=hnsw&tls=1&patience=5")
        assert (address.uri, address.token, address.name) == ("https://db.local:19530", "me:p@ss", "news")
        assert (address.index, address.patience) == ("HNSW", 5)
        assert str(address) == "milvus://db.local:19530/news"
        assert parse_address("milvus:///srv/a%20b/store.db").uri == "/srv/a b/store.db"

    @pytest.mark.parametrize(
        "text",
        ["milvus://", "milvus:///folder", "milvus://h:port", "milvus://h/a-b", "milvus://h?index=NO", "milvus://h?x=1"],
    )
    def test_what_is_none_is_told_in_one_line(self, text: str) -> None:
        with pytest.raises(SettingError, match=r"milvus://HOST:PORT"):
            parse_address(text)

    @pytest.mark.parametrize("password", ["secret", "sec/secret", "sec@secret"])
    def test_no_password_is_told(self, password: str) -> None:
        with pytest.raises(SettingError) as caught:
            parse_address(f"milvus://me:{password}@h:port")
        assert "secret" not in str(caught.value)

    def test_settings_tell_it_from_a_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RAG_STORE", "milvus://h:1")
        settings = load_settings()
        assert (settings.where, settings.store) == ("milvus://h:1", Path("vectorstore"))
        assert load_settings(store="here").where == Path("here")


def test_a_server_that_is_not_there_is_told_soon() -> None:
    begin = time.monotonic()
    with pytest.raises(StoreUnreachableError, match=r"127\.0\.0\.1:1/rag: Milvus does not answer .*RAG_STORE"):
        open_store("milvus://127.0.0.1:1", FINGERPRINT)
    assert time.monotonic() - begin < 20


def test_an_older_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymilvus.MilvusClient.__init__", lambda self, *_, **__: None)
    monkeypatch.setattr("pymilvus.MilvusClient.get_server_version", lambda self, **_: "v2.2.16")
    with pytest.raises(StoreVersionError, match=r"is Milvus v2\.2\.16; 2\.3 or newer"):
        open_store("milvus://127.0.0.1:1", FINGERPRINT)


def test_without_the_extra(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(StoreExtraMissingError, match=r"\[milvus\]"):
        open_store(where, FINGERPRINT)


def test_opening_refusing_and_following(where: str, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_POLLED_EVERY", 0.0)
    with pytest.raises(StoreMissingError):
        open_store(where, FINGERPRINT)
    with open_store(where, FINGERPRINT, write=True) as writing:
        with pytest.raises(StoreLockedError):
            open_store(where, FINGERPRINT, write=True)
        with open_store(where, FINGERPRINT) as reader:
            for filled in (writing, reference):
                for i in range(4):
                    filled.add(f"{i}.txt", make_file(f"{i}.txt", documents=2))
            assert reader.documents() == []  # until it is told to
            with reader.pinned():
                writing.refresh()
                assert reader.generation == 0
            assert_same_answers(reader, reference)
            for filled in (writing, reference):
                filled.remove("1.txt")
                filled.add("2.txt", make_file("2.txt", seed=1))
            with reader.pinned():  # what was found is there, though it was replaced
                found = [one for one, _ in reader.search_dense(unit_vectors(1, 3, DIM)[0], 99)]
                writing.refresh()
                assert len(reader.passages(found)) == len(found) == 24
                assert reader.document("1.txt#0") is not None
                assert all(len(vectors) for _, vectors in reader.sentences(found))
            assert_same_answers(reader, reference)
            assert list(reader.verify()) == []
    for fingerprint in (Fingerprint("other", DIM, "1"), Fingerprint("random-16", DIM + 1, "1")):
        for write in (False, True):
            with pytest.raises(StoreMismatchError, match="--rebuild"):
                open_store(where, fingerprint, write=write)


def test_rebuilding_takes_another_dimension(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_POLLED_EVERY", 0.0)
    monkeypatch.setattr(writer, "READERS_HAVE", 0.0)
    with open_store(where, FINGERPRINT, write=True) as writing:
        writing.add("a.txt", make_file("a.txt"))
        identity = writing.identity
    other = Fingerprint("other", DIM + 1, "1")
    with open_store(where, None) as reader, open_store(where, other, write=True, rebuild=True) as writing:
        assert (writing.identity, writing.generation, writing.documents()) == (identity, 2, [])
        assert len(reader.documents()) == 1  # until the first refresh
        one = make_document("b.txt", passages=1)
        grown = [unit_vectors(len(v), 0, DIM + 1) for v in (one.vectors, one.sentence_vectors)]
        writing.add("b.txt", [type(one)(one.document, one.passages, one.sentences, grown[0], grown[1], one.words)])
        writing.refresh()
        assert list(reader.sources()) == ["b.txt"]
        assert reader.search_dense(grown[0][0], 5) == [("b.txt#0:0", 1.0)]
        assert list(writing.verify()) == []
    with open_store(where, None, write=True) as writing:  # and takes away what was before
        assert isinstance(writing, MilvusStore)
        left = [name for name in writing._connection.client.list_collections() if "passages" in name]
        assert left == [f"rag_passages_{writing._state.set}"]


@pytest.mark.parametrize("until", ["documents", "texts", "passages", "sentences", "log"])
def test_what_a_killed_writer_left_is_not_seen_and_goes(
    where: str, until: str, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.add("a.txt", make_file("a.txt", documents=2))
    with open_store(where, FINGERPRINT, write=True) as writing:
        writing.add("a.txt", make_file("a.txt", documents=2))
        insert = connection.Connection.insert

        def dying(self: connection.Connection, collection: str, rows: list[connection.Row]) -> None:
            if until in collection:
                raise KeyboardInterrupt
            insert(self, collection, rows)

        with monkeypatch.context() as patched:
            patched.setattr(connection.Connection, "insert", dying)
            for path in ("a.txt", "b.txt"):
                with pytest.raises(KeyboardInterrupt):
                    writing.add(path, make_file(path, seed=1))
    with open_store(where, FINGERPRINT) as reader:
        assert_same_answers(reader, reference)
    with open_store(where, FINGERPRINT, write=True) as writing:
        assert_same_answers(writing, reference)
        assert isinstance(writing, MilvusStore)
        rows = {
            name: writing._connection.query(f"rag_{name}", "key != 0", ["key"], "Strong")
            for name in ("documents", "texts", "sentences", f"passages_{writing._state.set}")
        }
        stored = writing._state.documents.values()
        assert len(rows["documents"]) == 2
        for name in ("texts", "passages", "sentences"):
            own = {key for one in stored for key in one.keys_in(name)}
            assert {row["key"] for one, found in rows.items() if one.startswith(name) for row in found} == own


def test_documents_removed_a_while_ago_are_taken_away(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "READERS_HAVE", -1.0)
    with open_store(where, FINGERPRINT, write=True) as writing:
        assert isinstance(writing, MilvusStore)
        writing.add("a.txt", make_file("a.txt", documents=3))
        writing.add("a.txt", make_file("a.txt", seed=1))
        writing.refresh()
        assert len(writing._connection.query("rag_documents", "key != 0", ["key"], "Strong")) == 1
        assert list(writing.verify()) == []


def test_filters_that_leave_more_documents_than_a_condition_names(
    where: str, reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searched a part of them at a time; the best of all parts are the best of all."""
    monkeypatch.setattr(search, "_NAMED", 3)
    conditions: list[str] = []
    nearest = connection.Connection.nearest

    def counted(self: connection.Connection, *given: object) -> object:
        conditions.append(str(given[-1]))
        return nearest(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(connection.Connection, "nearest", counted)
    with open_store(where, FINGERPRINT, write=True) as writing:
        for filled in (writing, reference):
            for i in range(20):
                path = f"{'a' if i < 8 else 'b'}/{i}.txt"
                filled.add(path, make_file(path))
        for paths, searches in ((("a/*",), {3}), (("b",), {1}), (("*/1?.txt", "a/[1].txt"), {4})):
            for seed in range(2):
                assert_same_answers(writing, reference, seed=seed, filters=Filter(paths=paths))
            conditions.clear()
            writing.search_dense(unit_vectors(1, 0)[0], 5, Filter(paths=paths))
            assert {len(conditions)} == searches, conditions


def test_a_reader_knows_copies_and_runs(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of after it was opened; and a long account of what failed."""
    monkeypatch.setattr(store, "_POLLED_EVERY", 0.0)
    text = "智新科技有关负责人介绍，去年销量连续迈过三道10万级大关，达到53万套。"
    why = [Failure(f"{i}.txt", "EmptyFileError", "no text", "没有文字") for i in range(3000)]
    with open_store(where, FINGERPRINT, write=True) as writing:
        assert writing.begin_run(["docs"]) == 1
        writing.add("a.txt", [with_sentences("a.txt", text, "另外还有别的话。")])
        writing.refresh()
        with open_store(where, FINGERPRINT) as reader:
            assert [at.document_id for at in reader.alike(text)] == ["a.txt#0"]
            assert reader.runs()[0].ending is None
            writing.add("b.txt", [with_sentences("b.txt", "前面的话。", text)])
            writing.refresh()
            writing.end_run(1, "done", {"failed": len(why)}, 1, why)
            assert [at.document_id for at in reader.alike(text)] == ["a.txt#0", "b.txt#0"]
            assert reader.copies() == {("a.txt#0", "b.txt#0"): 1}
            (run,) = reader.runs()
            assert (run.ending, run.counts, run.failed) == ("done", {"failed": 3000}, tuple(why))
            writing.remove("a.txt")
            writing.refresh()
            assert [at.document_id for at in reader.alike(text)] == ["b.txt#0"]
    with open_store(where, FINGERPRINT, write=True) as writing:
        assert writing.begin_run(["docs"]) == 2
    with open_store(where, FINGERPRINT, write=True) as writing:
        monkeypatch.setattr(runs, "KEPT", 2)
        assert writing.begin_run(["docs"]) == 3
        assert [(run.number, run.ending) for run in writing.runs()] == [(3, None), (2, "killed")]
        assert writing.begin_run(["docs"]) == 4
        assert isinstance(writing, MilvusStore)
        left = runs.read_rows(writing._connection)
        assert {row["generation"] for row in left} == {-3, -4}


def test_a_run_whose_end_was_cut_short_did_not_end() -> None:
    def row(kind: str, left: int, detail: str, epoch: int = 1) -> dict[str, object]:
        return {"kind": kind, "epoch": epoch, "generation": -1, "removed": left, "time": 1000, "detail": detail}

    begun, end = row("run", 0, '["a"]'), [row("ended", 1, '["done", {}, '), row("ended", 0, "7, []]")]
    assert [(run.ending, run.passages) for run in runs.runs([begun, *end])] == [("done", 7)]
    assert [run.ending for run in runs.runs([begun, end[0]])] == [None]
    assert [run.asked for run in runs.runs([begun, *end, row("run", 0, '["b"]', epoch=2)])] == [("b",)]


def test_metadata_longer_than_a_field_is_told(where: str) -> None:
    (one,) = make_file("a.txt")
    long = replace(one, document=replace(one.document, metadata={"note": "长" * 30_000}))
    with open_store(where, FINGERPRINT, write=True) as writing:
        with pytest.raises(StoreError, match=r"^a\.txt: its metadata has more bytes"):
            writing.add("a.txt", [long])
        assert writing.documents() == []


def test_index_words_longer_than_a_field(where: str, reference: ReferenceStore) -> None:
    one = make_document("a.txt", passages=2)
    long = tuple(f"很长的词{i}" for i in range(9000))
    same = type(one)(one.document, one.passages, one.sentences, one.vectors, one.sentence_vectors, (long, ("短",)))
    with open_store(where, FINGERPRINT, write=True) as writing:
        writing.add("a.txt", [same])
        assert writing.word_frequencies(["很长的词8999", "短"]) == {"很长的词8999": 1, "短": 1}
        assert writing.stored("a.txt")[0].words == (long, ("短",))
        assert list(writing.verify()) == []


def test_names_that_a_condition_would_stumble_over(where: str, reference: ReferenceStore) -> None:
    for path in ('a"b.txt', "a\\b.txt", "a'b\t%_{x}.txt", "😀 国.txt"):
        reference.add(path, make_file(path))
    with open_store(where, FINGERPRINT, write=True) as writing:
        for path in reference.sources():
            writing.add(path, reference.stored(path))
    with open_store(where, FINGERPRINT) as reader:
        ids = [f"{path}#0:0" for path in reference.sources()]
        assert [passage.id for passage in reader.passages(ids)] == ids


def test_damage_is_named(where: str) -> None:
    with open_store(where, FINGERPRINT, write=True) as writing:
        assert isinstance(writing, MilvusStore)
        writing.add("a.txt", make_file("a.txt", documents=2))
        (row,) = writing._connection.query(
            "rag_texts", 'field == "text" and text like "%"', ["key", "document"], "Strong"
        )[:1]
        writing._connection.delete("rag_texts", [row["key"]])
        assert any("cannot be read whole" in fault for fault in writing.verify())


class TestLease:
    def test_a_claim_that_runs_out_is_taken_over_and_its_writer_told(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lease, "SURE_FOR", 0.0)
        with open_store(where, FINGERPRINT, write=True) as late:
            late.add("a.txt", make_file("a.txt"))
            monkeypatch.setattr(lease, "VOID_AFTER", -1.0)
            with open_store(where, FINGERPRINT, write=True) as next_one:
                next_one.add("b.txt", make_file("b.txt"))
                with pytest.raises(StoreLockedError):
                    late.add("c.txt", make_file("c.txt"))
                assert list(next_one.sources()) == ["a.txt", "b.txt"]

    def test_what_a_late_writer_had_sent_does_not_count(self) -> None:
        def row(epoch: int, number: int, base: int, generation: int) -> dict[str, object]:
            entry = {"kind": "change", "epoch": epoch, "base": base, "generation": generation}
            return entry | {"key": (epoch << 32) + number}

        first = [row(1, i, 0, i) for i in range(4)]
        second = [row(2, 0, 2, 3), row(2, 1, 2, 4)]
        assert log.valid([*first, *second]) == [*first[:3], *second]
        assert log.valid([*first, row(2, 0, 1, 2)]) == [*first[:2], row(2, 0, 1, 2)]
        assert log.valid([row(1, 0, 0, 1), row(1, 5, 0, 1)]) == [row(1, 5, 0, 1)]  # the second attempt was acknowledged


_WRITE = """
import sys
from rag.store import open_store
from tests.store.samples import FINGERPRINT, make_file
with open_store(sys.argv[1], FINGERPRINT, write=True) as store:
    for i in range(10_000):
        if f"{i}.txt" not in store.sources():
            store.add(f"{i}.txt", make_file(f"{i}.txt"))
            print(f"{i}.txt", flush=True)
"""


def start_writer(where: str) -> "subprocess.Popen[str]":
    top = str(Path(__file__).parents[2])
    return subprocess.Popen([sys.executable, "-c", _WRITE, where], stdout=subprocess.PIPE, text=True, cwd=top)


def test_a_writing_process_that_is_killed_loses_nothing_it_acknowledged(where: str) -> None:
    acknowledged: list[str] = []
    for _ in range(2):
        with start_writer(where) as writing:
            assert writing.stdout is not None
            acknowledged += [writing.stdout.readline().strip() for _ in range(3)]
            writing.kill()
            acknowledged += [line.strip() for line in writing.stdout if line.endswith(".txt\n")]
    with open_store(where, FINGERPRINT, write=True) as left:  # at once: the claim is of a dead process of this machine
        assert set(acknowledged) <= set(left.sources())
        assert len(left.sources()) <= len(acknowledged) + 2
        assert list(left.verify()) == []
