"""Evaluate a Q&A set: `rag eval`, for who looks for it here. `python scripts/evaluate.py --help`."""

import sys

from rag.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "eval")
    main()
