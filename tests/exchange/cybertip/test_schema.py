"""The schema of record: kept when it is one, held against reports, and its messages quote no person's data."""

import dataclasses

import pytest

from tocsin.exchange.cybertip import schema as schemas
from tocsin.exchange.cybertip.schema import Schema, SchemaError
from tocsin.exchange.cybertip.writing import report_xml

SMALL = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="report"><xs:complexType>
<xs:sequence><xs:element name="n" type="xs:int"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""


def test_a_schema_is_kept_and_read_again(tmp_path) -> None:
    path = tmp_path / "kept.xsd"
    schemas.keep(path, SMALL).check(b"<report><n>1</n></report>")
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(SchemaError, match="does not fit"):
        schemas.load(path).check(b"<report><m/></report>")


@pytest.mark.parametrize("text", [b"", b"<html>sign in first</html>", b"<a", SMALL[:80], b"\xff" * 20])
def test_what_is_no_schema_is_not_kept(tmp_path, text) -> None:
    path = tmp_path / "kept.xsd"
    with pytest.raises(SchemaError):
        schemas.keep(path, text)
    assert not path.exists()


def test_a_missing_file_is_a_sentence(tmp_path) -> None:
    with pytest.raises(SchemaError, match="cannot be read"):
        schemas.load(tmp_path / "none.xsd")


def test_messages_name_the_element_and_not_its_value() -> None:
    with pytest.raises(SchemaError) as caught:
        Schema(SMALL).check(b"<report><n>someone@example.org</n></report>")
    assert "'n'" in str(caught.value)
    assert "someone" not in str(caught.value)


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><report><n>&b;</n></report>'
    with pytest.raises(SchemaError):
        Schema(SMALL).check(bomb)


def test_wrong_order_and_false_annotations_are_found(smallest, schema) -> None:
    good = report_xml(dataclasses.replace(smallest, annotations=("spam",)))
    schema.check(good)
    with pytest.raises(SchemaError):
        schema.check(good.replace(b"<spam>true", b"<spam>false"))
    first, second = b"<incidentDateTime>2026-01-15T08:00:00Z</incidentDateTime>", b"<reportAnnotations>"
    with pytest.raises(SchemaError):
        schema.check(good.replace(first, b"").replace(second, first + second))
