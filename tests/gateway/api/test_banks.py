import pytest


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A", "enabled_ratio": -1}, {"name": "A", "enabled_ratio": "much"}, {"name": "A", "radius": 65},
        {"name": "A", "severity": 0}, {"name": "A", "labels": ["x" * 101]}, {"name": "A", "negative": "x"}, {}, [],
    ],
)  # fmt: skip
def test_terms_out_of_bounds_are_refused_and_nothing_is_made(api, body):
    assert api.post("/c/banks", json=body).status_code == 422
    assert api.get("/c/banks").json() == []


def test_a_ratio_that_is_no_number_is_refused(api):
    answer = api.post(
        "/c/banks", content=b'{"name":"A","enabled_ratio":NaN}', headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422)


def test_enabling_a_bank_again_gives_it_its_whole_ratio(api):
    api.post("/c/banks", json={"name": "A", "enabled": False})
    assert api.put("/c/bank/A", json={"enabled": True}).json()["matching_enabled_ratio"] == 1.0
    assert api.put("/c/bank/A", json={}).json()["matching_enabled_ratio"] == 1.0
    assert api.put("/c/bank/A", json={"enabled": False, "enabled_ratio": 1}).json()["matching_enabled_ratio"] == 0.0


def test_a_bank_cannot_take_a_name_that_is_taken_or_odd(api):
    for name in ("A", "B"):
        api.post("/c/banks", json={"name": name})
    assert api.put("/c/bank/A", json={"name": "B"}).status_code == 403
    assert api.put("/c/bank/A", json={"name": "b b"}).status_code == 400
    assert api.put("/c/bank/NONE", json={"name": "C"}).status_code == 404


@pytest.mark.parametrize("name", ["..", "%2e%2e", "A%2fB", "a", "A%00", "%F0%9F%92%A9", "A;drop", "'", "A" * 3000])
def test_an_odd_name_in_a_path_is_not_found(api, name):
    for method in ("GET", "PUT", "DELETE"):
        assert api.request(method, f"/c/bank/{name}", json={}).status_code in (404, 405)
