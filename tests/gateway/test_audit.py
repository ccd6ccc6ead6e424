from tocsin.evidence.call_log import verify_log


def test_every_call_and_change_is_logged_without_the_hash_that_was_asked(serving, jpeg, code):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    number = api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())}).json()["id"]
    api.get("/m/lookup", params={"signal": code(jpeg()), "signal_type": "pdq"})
    api.post("/m/lookup", files={"photo": jpeg()})
    api.delete(f"/c/bank/BANK_A/content/{number}")
    folder = api.gateway.settings.audit / "core"
    serving.stop(api)
    log = (folder / "000001.jsonl").read_text()
    for told in (
        '["open","bank","BANK_A"]',
        '["open","content","BANK_A/1"]',
        '["open","lookup","pdq"]',
        '"BANK_A":[1]',
    ):
        assert told in log
    assert code(jpeg()) not in log
    found = verify_log(folder)
    assert (found.ok, found.entries, found.signed) == (True, 5, 5)


def test_the_key_that_signs_stays_the_same(serving):
    origins = set()
    for _ in range(2):
        api = serving()
        origins.add(api.gateway.audit.log._signer.verifier.vkey)
        serving.stop(api)
    assert len(origins) == 1
