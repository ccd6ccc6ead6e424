"""Where things are kept follows from the data folder unless told otherwise."""

from pathlib import Path

from tocsin.hub.settings import HubSettings


def test_state_and_evidence_lie_in_the_data_folder_unless_elsewhere() -> None:
    plain = HubSettings(data=Path("/srv/tocsin"))
    assert plain.store == "sqlite:////srv/tocsin/hub.sqlite3"
    assert plain.evidence == "/srv/tocsin/evidence"
    assert not plain.tls
    assert plain.silent_after_s == 45
    other = HubSettings(data=Path("/srv"), store_url="postgresql://h/d", evidence_url="s3://b", tls_cert=Path("c"))
    assert (other.store, other.evidence, other.tls) == ("postgresql://h/d", "s3://b", True)
