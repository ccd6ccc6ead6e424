from tocsin.gateway.api.described import REFUSALS, described, query


def test_a_call_is_described_with_its_parameters_and_refusals():
    told = described("What comes back", query("a", "What it is.", required=True))
    assert told["parameters"] == [
        {"name": "a", "in": "query", "required": True, "description": "What it is.", "schema": {"type": "string"}}
    ]
    assert told["responses"]["200"]["description"] == "What comes back"
    assert {400, 401, 403, 413, 429} <= set(REFUSALS)
