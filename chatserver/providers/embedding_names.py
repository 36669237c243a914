"""What the name of an embedding model tells: neither endpoints nor ONNX files say it."""

from __future__ import annotations

import re

__all__ = ["is_multilingual", "prefix"]

_MULTILINGUAL = re.compile(
    r"multilingual|bge-m3|gte-qwen|qwen\d?-?embedding|labse|jina-embeddings-v[3-9]|text-embedding-3|embed-v4|voyage-[3-9]"
    r"|nomic-embed-text-v2|arctic-embed-\w+-v2|embeddinggemma|(?:^|[-_/])zh(?:$|[-_.])|text2vec|m3e|doubao|text-embedding-v\d"
)
"""Models that place Chinese questions well. One that is not known counts as English-only: then Chinese is searched by
words alone, which is good (measured: nDCG@10 0.986), while a wrong dense leg spoils it."""

_E5 = re.compile(r"(?:^|[-_/])e5(?:$|[-_])")
_E5_INSTRUCT = re.compile(r"e5.*instruct")
_BGE_EN = re.compile(r"bge-(?:small|base|large)-en")
_NOMIC = re.compile(r"nomic-embed")


def is_multilingual(name: str) -> bool:
    return bool(_MULTILINGUAL.search(name.lower()))


def prefix(name: str, *, query: bool) -> str:
    """What the model was trained to see before a query or a passage (from the models' cards); most want nothing."""
    name = name.lower()
    if _E5.search(name) and not _E5_INSTRUCT.search(name):
        return "query: " if query else "passage: "
    if _NOMIC.search(name):
        return "search_query: " if query else "search_document: "
    if _BGE_EN.search(name) and query:
        return "Represent this sentence for searching relevant passages: "
    return ""
