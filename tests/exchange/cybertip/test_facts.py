"""Facts as they cross the wire: what goes out comes back the same; an unknown name is refused, not dropped."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tocsin.exchange.cybertip.facts import FileDetails, Report


def test_facts_survive_the_wire(fullest, file_details) -> None:
    for kind, value in ((Report, fullest), (FileDetails, file_details)):
        adapter = TypeAdapter(kind)
        assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize(
    "raw",
    [
        {"incident_type": "Something else", "incident_at": "2026-01-15T08:00:00Z"},
        {"incident_type": "Child Sex Tourism", "incident_at": "2026-01-15T08:00:00Z", "escalates": "mistyped"},
        {"incident_type": "Child Sex Tourism", "incident_at": "2026-01-15T08:00:00Z", "reported": [{"nam": "x"}]},
        {"incident_type": "Child Sex Tourism", "incident_at": "2026-01-15T08:00:00Z", "additional": "x" * 30_000},
        {"incident_type": "Child Sex Tourism"},
    ],
)
def test_what_is_not_a_fact_is_refused(raw) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Report).validate_python(raw)
