import io
import zipfile

from sqlalchemy import text


def test_the_log_is_searched_by_action_and_person(site, words_of):
    site.post("ines", f"{site.alert('top')}/acknowledge")
    said = words_of(site.get("ada", f"/audit?actor={site.seeded.people['ines'].id}&action=alteration"))
    assert "act acknowledged" in said
    assert "Ines Okafor" in said
    assert "No entry fits." in words_of(site.get("ada", "/audit?object=alert:nothing"))


def test_the_log_verifies(site, words_of):
    said = words_of(site.post("ada", "/audit/verify"))
    assert "Verified:" in said


def test_an_altered_entry_is_found(site, words_of):
    with site.hub.store.engine.begin() as connection:
        connection.execute(text("UPDATE audit SET entry = replace(entry, 'collection', 'collectiom') WHERE seq = 3"))
    said = words_of(site.post("ada", "/audit/verify"))
    assert "Verified:" not in said


def test_the_export_is_a_folder_that_verifies_offline(site):
    answer = site.post("ada", "/audit/export")
    assert answer.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {"tocsin-audit/entries.jsonl", "tocsin-audit/checkpoint", "tocsin-audit/keys.txt"} <= set(names)


def test_only_auditors_come_here(site):
    for who in ("ines", "ruth", "jo"):
        assert site.get(who, "/audit").status_code == 403
        assert site.post(who, "/audit/export").status_code == 403
