def test_a_disabled_type_is_left_out_of_uploads_and_refused_when_named(api, jpeg):
    api.put("/c/signal_type/pdq", json={"enabled_ratio": "0"})
    assert api.post("/h/hash", files={"photo": jpeg()}).json() == {}
    assert api.post("/m/lookup", files={"photo": jpeg()}).json() == {}
    assert api.post("/h/hash?types=pdq", files={"photo": jpeg()}).status_code == 400
    api.put("/c/signal_type/pdq", json={"enabled_ratio": 1})
    assert set(api.post("/h/hash", files={"photo": jpeg()}).json()) == {"pdq"}


def test_a_ratio_that_is_none_is_refused(api):
    for body in ({}, {"enabled_ratio": None}, {"enabled_ratio": "x"}, {"enabled_ratio": -0.1}, {"enabled_ratio": []}):
        assert api.put("/c/signal_type/pdq", json=body).status_code == 400
    assert {one["enabled_ratio"] for one in api.get("/c/signal_type").json()} == {1.0}


def test_the_index_of_one_type_is_told(api):
    assert set(api.get("/c/signal_type/index", params={"signal_type": "pdq"}).json()) == {"pdq"}
    assert api.get("/c/signal_type/index", params={"signal_type": "x"}).status_code == 400
