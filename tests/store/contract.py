"""What every Store must do. A test class derives from `StoreContract` and gives a fixture `store`: empty, writable, of
`samples.FINGERPRINT`."""

from dataclasses import replace

import numpy as np
import pytest

from rag.types import Failure, IndexedDocument, Store

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import DIM, FINGERPRINT, make_document, make_file, unit_vectors


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
