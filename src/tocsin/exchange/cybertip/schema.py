"""NCMEC's own schema: fetched from the service that will take the report, kept beside the worker, held against every
report before it leaves. It is NCMEC's document and no part of this program.
"""

import re
from pathlib import Path
from typing import Any, Final

from lxml import etree

from tocsin.evidence.keys import write_private

LARGEST: Final = 4 * 2**20
_QUOTED: Final = re.compile(r"'(?!xs:|enumeration|pattern)[^']*'")


class SchemaError(ValueError):
    """A schema that cannot be used, or XML that does not fit it; the message is a sentence."""


class Schema:
    """A parsed schema."""

    def __init__(self, text: bytes) -> None:
        try:
            root = etree.fromstring(text, hardened_parser())
            self._schema: Any = etree.XMLSchema(root)
        except (etree.XMLSyntaxError, etree.XMLSchemaParseError, ValueError) as error:
            raise SchemaError("What the service sent as its schema is not an XML schema.") from error

    def check(self, xml: bytes) -> None:
        """Raise SchemaError, naming the first thing that does not fit, unless ``xml`` is valid."""
        try:
            document = etree.fromstring(xml, hardened_parser())
        except (etree.XMLSyntaxError, ValueError) as error:
            raise SchemaError("This is not well-formed XML.") from error
        if document.getroottree().docinfo.doctype:
            raise SchemaError("A report declares no document type of its own.")
        if not self._schema.validate(document):
            first = next(iter(self._schema.error_log), None)
            where = "" if first is None else f" Line {first.line}: {_plain(first.message)}"
            raise SchemaError(f"The report does not fit the service's schema.{where}")


def load(path: Path) -> Schema:
    """Read a kept schema. Raises SchemaError."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise SchemaError(f"The schema {path} cannot be read: {error.strerror or error}.") from error
    if len(text) > LARGEST:
        raise SchemaError(f"The schema {path} is too large to be one.")
    return Schema(text)


def keep(path: Path, text: bytes) -> Schema:
    """Parse a fetched schema and, only if it is one, keep it at ``path``. Raises SchemaError or OSError."""
    schema = Schema(text)
    write_private(path, text)
    return schema


def hardened_parser() -> Any:
    """Return a parser that expands no entity, fetches nothing and refuses huge trees."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _plain(message: str) -> str:
    """Return a validator's message without the values it quotes: those are people's data."""
    element, _, rest = message.partition(": ")
    return f"{element}: {_QUOTED.sub('…', rest)}"[:300]
