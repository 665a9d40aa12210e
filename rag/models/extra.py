"""The extra `rag[models]`: what only other embedders, training, measuring and the making of the packaged graph need."""

import sys
from collections.abc import Iterable
from importlib.util import find_spec

from rag.errors import ExtraMissingError

_MODULES = {
    "onnx": "onnx",
    "optimum": "optimum-onnx",
    "scipy": "scipy",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "transformers": "transformers",
}
"""Module -> package; the packages are those of the extra in pyproject.toml."""


def need_models(what: str, modules: Iterable[str] = _MODULES) -> None:
    """Raises ExtraMissingError for `what`, a setting or a script, unless these `modules` of the extra are installed.

    None of them is imported: torch takes seconds.
    """
    missing = [_MODULES[module] for module in modules if find_spec(module) is None]
    if missing:
        raise ExtraMissingError(what=what, missing=", ".join(missing))


def models_or_exit(script: str) -> None:
    """The same for a script, which has nobody to catch it: leaves with the error's line and exit code."""
    try:
        need_models(script)
    except ExtraMissingError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
