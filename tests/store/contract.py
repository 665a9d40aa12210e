"""What every Store must do. A test class derives from `StoreContract` and gives a fixture `store`: empty, writable, of
`samples.FINGERPRINT`."""

from dataclasses import replace

import numpy as np
import pytest

from rag.types import Failure, Filter, IndexedDocument, Store

from .compare import assert_same_answers
from .reference import ReferenceStore, meets
from .samples import DIM, FINGERPRINT, make_document, make_file, unit_vectors, with_sentences

PATHS = ("reports/2023.txt", "reports/b[1].txt", "reports.txt", "a.zip/reports/x.md", "新闻/年报.txt", "新闻/A b.txt")
DATES = (None, "2022", "2023", "2023-05", "2023-05-17", "2024-02", "2024-02-29", "2023-12-31")
FILTERS = (
    Filter(paths=("reports/*",)),
    Filter(paths=("reports",)),
    Filter(paths=("*reports*",)),
    Filter(paths=("reports/b[1].txt", "新闻/??.txt")),
    Filter(paths=("a.zip",)),
    Filter(paths=("*.TXT", "*.md")),
    Filter(since="2023-05"),
    Filter(until="2023-05"),
    Filter(since="2023", until="2023"),
    Filter(since="2024-02-29", until="2024-02-29"),
    Filter(since="2023-05-18", until="2023-12-30"),
    Filter(metadata=(("来源", ("新华社",)),)),
    Filter(metadata=(("kind", ("b",)), ("来源", ("b", "新华社")))),
    Filter(paths=("新闻/*", "reports*"), since="2023", metadata=(("kind", ("b", "新华社")),)),
)


class StoreContract:
    def test_an_empty_store_answers_with_nothing(self, store: Store) -> None:
        assert store.fingerprint == FINGERPRINT
        assert (store.generation, store.passage_count(), store.sources(), store.documents()) == (0, 0, {}, [])
        assert store.search_dense(unit_vectors(1, 0)[0], 5) == []
        assert store.search_words(["词1"], 5) == []
        assert store.word_frequencies(["词1"]) == {"词1": 0}
        assert store.document("nothing") is None
        assert list(store.verify()) == []

    def test_answers_equal_the_exact_reference(self, store: Store) -> None:
        reference = ReferenceStore(FINGERPRINT)
        for filled in (store, reference):
            for i in range(12):
                filled.add(f"新闻/{i}.txt", make_file(f"新闻/{i}.txt", documents=1 + i % 3))
            filled.refresh()
        assert_same_answers(store, reference)
        assert list(store.verify()) == []

    def test_more_passages_than_any_search_proposes(self, store: Store) -> None:
        reference = ReferenceStore(FINGERPRINT)
        for filled in (store, reference):
            filled.add("long.md", [make_document("long.md", passages=300)])
            filled.refresh()
        for seed in range(2):
            assert_same_answers(store, reference, seed=seed)

    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    def test_filtered_answers_equal_the_exact_reference(self, store: Store, filters: Filter) -> None:
        """The best of the documents that are left, also where none of them is among the best of all."""
        reference = ReferenceStore(FINGERPRINT)
        for filled in (store, reference):
            for i, path in enumerate(PATHS):
                made = make_file(path, documents=3)
                dated = [
                    replace(one, document=replace(one.document, date=DATES[(i + n) % len(DATES)]))
                    for n, one in enumerate(made)
                ]
                filled.add(path, dated)
            filled.add("long.md", [make_document("long.md", passages=300)])
            filled.refresh()
        left = [summary.id for summary in reference.documents() if meets(reference.document(summary.id), filters)]
        assert 0 < len(left) < len(reference.documents())
        for seed in range(3):
            assert_same_answers(store, reference, seed=seed, filters=filters)
        found = store.search_dense(unit_vectors(1, 0)[0], 999, filters)
        assert {passage.document_id for passage in store.passages([i for i, _ in found])} == set(left)

    def test_a_filter_that_nothing_meets(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt"))
        store.refresh()
        for filters in (Filter(paths=("b*",)), Filter(since="2031"), Filter(metadata=(("来源", ("b", "c")),))):
            assert store.search_dense(unit_vectors(1, 0)[0], 5, filters) == []
            assert store.search_words(["词0", "词1", "词2"], 5, filters) == []

    def test_a_filter_sees_what_was_changed_since(self, store: Store) -> None:
        filters = Filter(metadata=(("来源", ("新华社",)),))
        (one,) = make_file("a.txt")
        for value, wanted in (("新华社", 3), ("b", 0), ("新华社", 3)):
            store.add("a.txt", [replace(one, document=replace(one.document, metadata={"来源": value}))])
            store.refresh()
            assert len(store.search_dense(unit_vectors(1, 0)[0], 5, filters)) == wanted
        assert store.documents()[0].metadata == store.document(one.document.id).metadata == {"来源": "新华社"}

    def test_adding_a_path_again_replaces_all_it_held(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt", documents=3))
        store.add("b.txt", make_file("b.txt"))
        store.add("a.txt", make_file("a.txt", seed=1))
        store.refresh()
        reference = ReferenceStore(FINGERPRINT)
        reference.add("b.txt", make_file("b.txt"))
        reference.add("a.txt", make_file("a.txt", seed=1))
        assert_same_answers(store, reference)

    def test_files_within_a_file_come_and_go_with_it(self, store: Store) -> None:
        def zipped(seed: int, *members: str) -> list[IndexedDocument]:
            made = [make_file(f"a.zip/{name}", seed=seed)[0] for name in members]
            return [replace(one, document=replace(one.document, sha256=f"{seed}")) for one in made]

        reference = ReferenceStore(FINGERPRINT)
        for filled in (store, reference):
            filled.add("a.zip", zipped(0, "x/1.txt", "2.txt"))
            filled.add("a.zip.txt", make_file("a.zip.txt"))
            filled.add("a.zip", zipped(1, "2.txt", "3.txt"))
        assert_same_answers(store, reference)
        assert list(store.sources()) == ["a.zip.txt", "a.zip/2.txt", "a.zip/3.txt"]
        assert store.remove("a.zip") == reference.remove("a.zip") == 2
        store.refresh()
        assert_same_answers(store, reference)
        with pytest.raises(ValueError, match=r"a\.zip"):
            store.add("a.zip", make_file("a.zipper/x.txt"))

    def test_vectors_are_known_by_their_text(self, store: Store) -> None:
        (one,) = make_file("a.txt")
        texts = tuple(f"文{n}" for n in range(len(one.passages) + len(one.sentences)))
        passages, sentences = texts[: len(one.passages)], texts[len(one.passages) :]
        store.keep(["新", passages[0]], unit_vectors(2, 1))
        np.testing.assert_array_equal(store.kept(["新"], exact=True)["新"], unit_vectors(2, 1)[0])
        store.add("a.txt", [replace(one, embedded=texts)])
        assert set(store.kept(texts, exact=True)) == set(passages)
        found = store.kept(texts, exact=False)
        assert set(found) == set(texts)
        np.testing.assert_array_equal(store.kept(passages[1:], exact=True)[passages[-1]], one.vectors[-1])
        np.testing.assert_allclose(found[sentences[0]], one.sentence_vectors[0], atol=1e-3)
        store.forget()
        assert store.kept(["新"], exact=False) == {}
        store.remove("a.txt")
        assert store.kept(texts, exact=False) == {}
        with pytest.raises(ValueError, match=r"a\.txt"):
            store.add("a.txt", [replace(one, embedded=texts[1:])])

    def test_a_sentence_is_found_again_in_every_document_that_holds_it(self, store: Store) -> None:
        text = "智新科技有关负责人介绍,去年销量连续迈过三道10万级大关,达到53万套。"
        misread = text.replace("连", "迕").replace(",", "，")
        for path, words in (("a.txt", text), ("b.txt", misread), ("c.txt", "智新科技的员工都住在附近，上班很方便。")):
            store.add(path, [with_sentences(path, words, f"{path}里另外还有别的话要说。")])
        assert [at.document_id for at in store.alike(text)] == ["a.txt#0", "b.txt#0"]
        assert [at.document_id for at in store.alike(misread)] == ["a.txt#0", "b.txt#0"]
        (_, there) = store.alike(text)
        document = store.document("b.txt#0")
        assert document is not None
        assert document.text[there.start : there.end] == misread
        assert ("a.txt#0", "b.txt#0") in store.copies()
        store.add("b.txt", [with_sentences("b.txt", "这里换成了完全不同的内容，与销量无关。")])
        assert [at.document_id for at in store.alike(text)] == ["a.txt#0"]
        store.remove("a.txt")
        assert store.alike(text) == []
        assert store.copies() == {}
        store.refresh()
        assert list(store.verify()) == []

    def test_every_sentence_is_alike_to_itself(self, store: Store) -> None:
        made = [make_document(f"{i}.txt") for i in range(6)]
        for one in made:
            store.add(one.document.path, [one])
        for one in made:
            for at in one.sentences:
                assert at in store.alike(one.document.text[at.start : at.end])

    def test_removing_takes_everything_away(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt", documents=2))
        store.add("b.txt", make_file("b.txt"))
        assert store.remove("a.txt") == 2
        assert store.remove("a.txt") == 0
        store.refresh()
        assert list(store.sources()) == ["b.txt"]
        assert store.document("a.txt#0") is None
        assert store.passages(["a.txt#0:0", "b.txt#0:0"]) == store.passages(["b.txt#0:0"])
        assert {i[0] for i, _ in store.search_dense(unit_vectors(1, 0)[0], 99)} == {"b"}

    def test_no_path_is_none_of_those_from_the_root(self, store: Store) -> None:
        store.add("/data/a.txt", make_file("/data/a.txt"))
        assert store.remove("") == 0
        assert list(store.sources()) == ["/data/a.txt"]

    def test_the_generation_counts_changes_only(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt"))
        assert store.generation == 1
        store.remove("unknown.txt")
        store.add("nothing.txt", [])
        store.refresh()
        assert store.generation == 1
        store.add("a.txt", [])
        assert (store.generation, store.sources()) == (2, {})

    def test_runs_are_remembered_and_one_that_never_ended_shows(self, store: Store) -> None:
        assert store.runs() == []
        generation = store.generation
        assert store.begin_run(["seeds", "\udcff.txt"]) == 1
        (run,) = store.runs()
        assert (run.number, run.asked, run.ending, run.seconds) == (1, ("seeds", "\udcff.txt"), None, None)
        why = Failure("a.txt", "EmptyFileError", "no text", "没有文字")
        assert store.begin_run(["b"]) == 2
        store.end_run(2, "done", {"added": 3, "failed": 1}, 12, [why])
        second, first = store.runs()
        assert (first.ending, second.ending, second.counts) == ("killed", "done", {"added": 3, "failed": 1})
        assert (second.passages, second.failed) == (12, (why,))
        assert second.seconds is not None
        assert store.generation == generation

    def test_ids_are_answered_in_the_order_asked_for(self, store: Store) -> None:
        (indexed,) = make_file("a.txt")
        store.add("a.txt", [indexed])
        ids = ["a.txt#0:2", "unknown", "a.txt#0:0"]
        assert [passage.id for passage in store.passages(ids)] == ["a.txt#0:2", "a.txt#0:0"]
        np.testing.assert_array_equal(store.passage_vectors([ids[0], ids[2]]), indexed.vectors[[2, 0]])
        with pytest.raises(KeyError):
            store.passage_vectors(ids)
        found = store.sentences(ids)
        assert [len(sentences) for sentences, _ in found] == [len(vectors) for _, vectors in found]
        assert found[1][0] == []
        assert found[1][1].shape == (0, DIM)
        assert found[0][0][-1] == indexed.sentences[-1]
        assert found[2][1].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found[2][1], axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(found[2][1][0], indexed.sentence_vectors[0], atol=1e-3)

    def test_ties_go_by_passage_id_whatever_the_order_of_adding(self, store: Store) -> None:
        vectors, words = unit_vectors(1, 7), (("春", "晓"),)
        for path in ("c.txt", "a.txt", "d.txt", "b.txt"):
            one = make_document(path, passages=1)
            same = type(one)(one.document, one.passages, one.sentences, vectors, one.sentence_vectors, words)
            store.add(path, [same])
        store.refresh()
        order = ["a.txt#0:0", "b.txt#0:0", "c.txt#0:0", "d.txt#0:0"]
        for k in range(1, 5):
            assert [i for i, _ in store.search_dense(vectors[0], k)] == order[:k]
            assert [i for i, _ in store.search_words(["晓"], k)] == order[:k]

    @pytest.mark.parametrize("k", [0, -1])
    def test_no_hits_are_wanted(self, store: Store, k: int) -> None:
        store.add("a.txt", make_file("a.txt"))
        store.refresh()
        assert store.search_dense(unit_vectors(1, 0)[0], k) == []
        assert store.search_words(["词0"], k) == []

    def test_words_that_say_nothing(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt"))
        store.refresh()
        for words in ([], ["nowhere"], [""], ["a b"]):
            assert store.search_words(words, 5) == []

    def test_documents_that_cannot_be_are_refused_and_nothing_is_stored(self, store: Store) -> None:
        good = make_document("a.txt")
        bad = make_document("a.txt", place=1)
        bad = type(bad)(
            bad.document, bad.passages, bad.sentences, unit_vectors(3, 0, DIM + 1), bad.sentence_vectors, bad.words
        )
        for path, documents in (("b.txt", [good]), ("a.txt", [good, bad])):
            with pytest.raises(ValueError):
                store.add(path, documents)
        with pytest.raises(ValueError):
            store.search_dense(unit_vectors(1, 0, DIM + 1)[0], 1)
        assert (store.generation, store.documents()) == (0, [])

    def test_a_document_id_belongs_to_one_path(self, store: Store) -> None:
        (first,) = make_file("a.txt")
        (other,) = make_file("b.txt")
        store.add("a.txt", [first])
        same_id = replace(first, document=replace(first.document, path="b.txt"))
        with pytest.raises(ValueError):
            store.add("b.txt", [same_id])
        store.add("b.txt", [other])
        assert list(store.sources()) == ["a.txt", "b.txt"]

    def test_pinned_can_be_entered_and_nested(self, store: Store) -> None:
        store.add("a.txt", make_file("a.txt"))
        store.refresh()
        with store.pinned(), store.pinned():
            assert len(store.search_words(["词0", "词1", "词2"], 3)) <= 3
