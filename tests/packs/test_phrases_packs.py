"""Every pack of phrases fits its schema, and every entry finds its own examples and not the others."""

import json
from importlib import resources

import jsonschema
import pytest
import yaml

from tocsin.model import SIGNALS
from tocsin.text import packs, phrases
from tocsin.text.packs import Entry
from tocsin.text.scoring import BENIGN, PUBLIC

ENTRIES = packs.entries()
CONTEXT = {
    "age-of-other", "child-spoken-of", "parents-of-other", "child-life", "adult-age", "live-video", "pay", "arranging",
    "declines",
}  # fmt: skip


def _text(name: str) -> str:
    return resources.files("tocsin.packs").joinpath("phrases", name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", packs.pack_names())
def test_pack_fits_the_schema(name: str) -> None:
    schema = json.loads(_text("phrases.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(_text(name)), schema)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_examples_beside_each_entry(entry: Entry) -> None:
    for text in entry.must:
        assert any(hit.entry.id == entry.id for hit in phrases.find(text)), f"{entry.id} must find: {text}"
    for text in entry.must_not:
        found = [text[hit.start : hit.end] for hit in phrases.find(text) if hit.entry.id == entry.id]
        assert not found, f"{entry.id} must not find {found} in: {text}"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_signals_and_names(entry: Entry) -> None:
    assert entry.signal in set(SIGNALS) | CONTEXT | set(BENIGN)
    assert set(PUBLIC.values()) <= set(SIGNALS)
    assert entry.id.startswith(entry.language)


def test_every_language_has_the_main_signals() -> None:
    main = {"age-asked", "age-under-18", "secrecy", "isolation", "private-app", "gift-or-money", "picture-request"}
    main |= {"live-video-for-pay", "meeting-travel", "adults-near", "exclusivity", "threat"}
    for language in ("en", "es", "tl"):
        assert main <= {entry.signal for entry in ENTRIES if entry.language == language}


def test_packs_never_call_a_person_anything() -> None:
    for name in (*packs.pack_names(), "classes.yaml"):
        text = _text(name).lower()
        assert not any(
            word in text for word in ("offender", "groomer", "victim", "predator", "paedophile", "pedophile")
        )
