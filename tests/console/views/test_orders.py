import json
import re


def test_clauses_are_shown_word_for_word(site, words_of):
    said = words_of(site.get("ines", site.order("laptop D-2")))
    assert "“Not to use any private or incognito browsing mode" in said
    assert "Unit 4 safe (recovery)" in said
    assert "solicitor" in said


def test_a_signed_order_is_verified_before_it_is_added(site, words_of):
    signed = site.seeded.signed_extra
    checked = site.post("ines", "/orders/check", {"signed": signed})
    assert "The signature holds." in words_of(checked)
    assert "SHA256:" in checked.text
    refused = site.post("ines", "/orders/add", {"signed": signed})
    assert "Compare the signer's fingerprint first" in words_of(refused)
    added = site.post("ines", "/orders/add", {"signed": signed, "compared": "yes"})
    assert added.status_code == 303
    assert "S-0455" in words_of(site.get("ines", "/subjects"))


def test_an_altered_order_is_refused_with_a_sentence(site, words_of):
    raw = json.loads(site.seeded.signed_extra)
    raw["order"]["subject"]["reference"] = "S-9999"
    answer = site.post("ines", "/orders/check", {"signed": json.dumps(raw)})
    assert answer.status_code == 422
    assert re.search(r"signature|altered", words_of(answer))
    assert site.post("ines", "/orders/check", {"signed": "{"}).status_code == 422


def test_a_token_is_shown_once_with_the_command_to_run(site, words_of):
    path = site.order("laptop D-2")
    made = words_of(site.post("ines", f"{path}/token"))
    command = re.search(r"tocsin agent enrol --hub http://127.0.0.1:8420 --token (\S+) --order (\S+\.json)", made)
    assert command
    assert command.group(1) not in site.get("ines", path).text
    download = site.get("ines", f"{path}/signed")
    assert command.group(2) in download.headers["content-disposition"]
    assert json.loads(download.text)["format"] == "tocsin/signed-order@1"


def test_a_discharged_order_enrols_nobody(site, words_of):
    path = site.order("laptop D-2")
    assert site.post("ines", f"{path}/discharge", {"reason": "short"}).status_code == 422
    site.post("ines", f"{path}/discharge", {"reason": "Discharged by the court today"})
    said = words_of(site.get("ines", path))
    assert "discharged" in said
    assert "Make an enrolment token" not in said
    assert site.post("ines", f"{path}/token").status_code == 409


def test_an_empty_list_teaches(site, words_of):
    assert "tocsin order sign" in words_of(site.get("tom", "/orders"))
