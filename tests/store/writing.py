"""A writer in a process of its own: python -m writing FOLDER COUNT PACE, prints each path once it is committed.

Goes on where an earlier one was killed. Every third path it also replaces an earlier one, and every PACE paths it
refreshes.
"""

import sys
from pathlib import Path

from rag.store import open_store

from .samples import FINGERPRINT, make_file


def main(folder: str, count: str, pace: str) -> None:
    with open_store(Path(folder), FINGERPRINT, write=True) as store:
        known = store.sources()
        for i in range(int(count)):
            path = f"{i:04d}.txt"
            if path in known:
                continue
            if i % 3 == 2:
                store.add(f"{i - 1:04d}.txt", make_file(f"{i - 1:04d}.txt", seed=1, documents=2))
            store.add(path, make_file(path))
            print(path, flush=True)
            if i % int(pace) == 0:
                store.refresh()
        store.refresh()


if __name__ == "__main__":
    main(*sys.argv[1:])
