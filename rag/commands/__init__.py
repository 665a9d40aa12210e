"""The commands that stand apart from the ways in and out, by what they are about; `rag.cli` joins them."""
