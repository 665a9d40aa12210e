"""Any sequence of changes, refreshes and reopenings leaves the store equal to the exact reference."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rag.store import open_store

from .compare import assert_same_answers
from .reference import ReferenceStore
from .samples import FINGERPRINT, make_file

_PATHS = st.sampled_from(["a.txt", "b.txt", "新闻/c.md"])
_SEEDS = st.integers(0, 3)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(self.folder, FINGERPRINT, write=True)
        self.reference = ReferenceStore(FINGERPRINT)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(path=_PATHS, seed=_SEEDS, documents=st.integers(0, 3))
    def add(self, path: str, seed: int, documents: int) -> None:
        for store in (self.store, self.reference):
            store.add(path, make_file(path, seed=seed, documents=documents))

    @rule(path=_PATHS)
    def remove(self, path: str) -> None:
        assert self.store.remove(path) == self.reference.remove(path)

    @rule()
    def refresh(self) -> None:
        self.store.refresh()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.folder, FINGERPRINT, write=True)

    @rule(seed=_SEEDS)
    def ask_the_writer(self, seed: int) -> None:
        assert_same_answers(self.store, self.reference, seed=seed)

    @rule(seed=_SEEDS)
    def ask_a_new_reader(self, seed: int) -> None:
        with open_store(self.folder, FINGERPRINT) as reader:
            assert_same_answers(reader, self.reference, seed=seed)

    @rule()
    def verify(self) -> None:
        self.store.refresh()
        assert list(self.store.verify()) == []

    @invariant()
    def the_generations_agree(self) -> None:
        assert self.store.generation == self.reference.generation


TestRandomChanges = StoreMachine.TestCase
TestRandomChanges.settings = settings(max_examples=12, stateful_step_count=12, deadline=None, derandomize=True)
