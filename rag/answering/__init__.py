"""A question -> the sentences that answer it, by one stair: understand, retrieve, read, rank, judge, choose, cite,
also.

Each step is one module, in this reading order, and takes what the one before it gives. rag.assistant goes down it.
"""
