"""Hash lists: what a source says of known media, kept in a folder, searched exactly, changed durably."""

from tocsin.matching.lists.changing import Report, add, build, remove
from tocsin.matching.lists.entry import Entry, ListError, Rejected, Status
from tocsin.matching.lists.folder import Terms
from tocsin.matching.lists.hash_list import HashList
from tocsin.matching.lists.reading import Reading, format_of, holds_hashes, read
from tocsin.matching.lists.sealed import Key

__all__ = [
    "Entry", "HashList", "Key", "ListError", "Reading", "Rejected", "Report", "Status", "Terms",
    "add", "build", "format_of", "holds_hashes", "read", "remove",
]  # fmt: skip
