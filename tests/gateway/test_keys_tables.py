from tocsin.gateway.keys_tables import ApiKey


def test_a_key_has_no_column_that_would_open_anything():
    assert set(ApiKey.__table__.columns.keys()) == {
        "id", "name", "digest", "scopes", "rate", "created_at", "revoked_at",
    }  # fmt: skip
