def test_only_its_user_can_enter_the_gateways_folders(serving):
    api = serving()
    settings = api.gateway.settings
    for folder in (settings.data, settings.banks, settings.keys, settings.audit):
        assert folder.stat().st_mode & 0o077 == 0


def test_what_was_kept_is_there_after_a_restart(serving, jpeg, code):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A", "enabled_ratio": 0.25, "labels": ["x"]})
    number = api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg()), "note": "n"}).json()["id"]
    serving.stop(api)
    api = serving()
    told = api.get(f"/c/bank/BANK_A/content/{number}").json()
    assert (told["note"], told["bank"]["matching_enabled_ratio"], told["bank"]["labels"]) == ("n", 0.25, ["x"])
