import json

import pytest

from tocsin.exchange.pages import ExchangeError
from tocsin.gateway.banks_tables import Bank
from tocsin.gateway.refusals import Refused


def test_an_exchange_comes_with_the_bank_it_feeds(desk, exchange, store):
    assert desk.exchanges.names() == ["PARTNER"]
    with store.reading() as session:
        [bank] = session.query(Bank).all()
    assert (bank.name, bank.exchange, bank.scheme, bank.severity) == ("PARTNER", "PARTNER", "stopncii", 2)
    assert desk.exchanges.status(exchange) == {
        "checkpoint_ts": None, "running_fetch_start_ts": None, "last_fetch_complete_ts": None,
        "last_fetch_succeeded": None, "up_to_date": False, "fetched_items": 0, "message": "", "failures": 0,
        "last_fetch": {}, "verdicts_waiting": 0, "hub_feedback": False,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["lower", "1ST", "A-B", "", "A" * 300, "Ä", "A\n"])
def test_a_name_that_no_bank_can_have_is_refused(desk, name):
    with pytest.raises(Refused, match="capitals"):
        desk.exchanges.create(name, "stop_ncii", {})


def test_names_are_taken_once_and_a_bank_with_content_is_left_alone(desk, exchange, store, clock):
    with pytest.raises(Refused, match="already"):
        desk.exchanges.create(exchange, "stop_ncii", {})
    with store.session() as session:
        session.add(Bank(name="MINE", folder="mine", labels=[], created_at=clock.now()))
    with pytest.raises(Refused, match="content of its own"):
        desk.exchanges.create("MINE", "stop_ncii", {})
    with pytest.raises(Refused, match="no exchange api"):
        desk.exchanges.create("OTHER", "smell", {})


def test_a_status_tells_how_a_run_went(desk, exchange, upstream, clock):
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    told = desk.exchanges.status(exchange)
    assert told["last_fetch_succeeded"] is True
    assert told["up_to_date"] is True
    assert told["fetched_items"] == 1
    assert told["checkpoint_ts"] == told["last_fetch_complete_ts"] == int(clock.now().timestamp())
    clock.forward(86_400)
    assert desk.exchanges.status(exchange)["up_to_date"] is False


def test_an_exchange_is_paused_and_timed(desk, exchange):
    row = desk.exchanges.change(exchange, enabled=False, interval_s=60)
    assert (row.enabled, row.interval_s) == (False, 60)
    for seconds in (1, 10**9):
        with pytest.raises(Refused, match="every 10 seconds"):
            desk.exchanges.change(exchange, interval_s=seconds)


def test_a_removed_exchange_leaves_its_bank(desk, exchange, upstream, live, store):
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    folder = desk.exchanges.folder(exchange)
    desk.exchanges.remove(exchange)
    assert desk.exchanges.names() == []
    assert (folder / "list.yaml").is_file()
    for call in (desk.exchanges.get, desk.exchanges.status, desk.exchanges.remove, desk.exchanges.run):
        with pytest.raises(Refused, match="no exchange named"):
            call(exchange)


def test_an_exchange_whose_bank_was_removed_says_so(desk, exchange, store, upstream):
    with store.session() as session:
        session.delete(session.query(Bank).one())
    assert "was removed" in desk.exchanges.run(exchange, source=upstream.source()).message


def test_credentials_are_needed_and_forgotten_with_an_empty_object(desk, exchange):
    assert desk.exchanges.has_credentials("stop_ncii")
    desk.exchanges.set_credentials("stop_ncii", {})
    assert not desk.exchanges.has_credentials("stop_ncii")
    outcome = desk.exchanges.run(exchange)
    assert "No credentials are set" in outcome.message
    assert desk.exchanges.status(exchange)["failures"] == 1


def test_credentials_over_the_api_lead_to_https_only(desk):
    given = {"user": "u", "password": "p", "base_url_override": "http://10.0.0.1"}
    with pytest.raises(Refused, match="https"):
        desk.exchanges.set_credentials("ncmec", given)
    desk.exchanges.set_credentials("ncmec", given, trusted=True)


def test_credentials_of_another_secret_are_asked_for_anew(desk, exchange, settings, store):
    from tocsin.gateway.exchanges.keeping import Exchanges

    (settings.keys / "exchange.key").unlink()
    with pytest.raises(ExchangeError, match="give them anew"):
        Exchanges(settings, store).source(desk.exchanges.get(exchange))


def test_credentials_may_lie_in_a_file_that_only_its_owner_reads(desk, tmp_path):
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"user": "u", "password": "p"}))
    path.chmod(0o644)
    desk.exchanges.create("FILED", "ncmec", {"environment": "Industry"}, trusted=True, credentials_file=str(path))
    with pytest.raises(ExchangeError, match="read by others"):
        desk.exchanges.source(desk.exchanges.get("FILED"))
    path.chmod(0o600)
    desk.exchanges.source(desk.exchanges.get("FILED")).close()
    for text in ("{", "[]", '{"user": "u"}'):
        path.write_text(text)
        with pytest.raises(ExchangeError, match="cannot be used"):
            desk.exchanges.source(desk.exchanges.get("FILED"))


def test_a_file_is_an_exchange_whose_missing_lines_are_withdrawn(desk, live, pdq):
    desk.exchanges.feeds.mkdir()
    path = desk.exchanges.feeds / "list.csv"
    path.write_text("id,pdq\n" + "".join(f"e{n},{pdq(n)}\n" for n in range(4)))
    desk.exchanges.create("FILE", "local_file", {"filename": "list.csv"})
    assert desk.exchanges.run("FILE").complete
    assert live("FILE") == {pdq(n) for n in range(4)}
    path.write_text("id,pdq\n" + "".join(f"e{n},{pdq(n)}\n" for n in (0, 1, 3)))
    assert desk.exchanges.run("FILE").progress.swept == 1
    assert live("FILE") == {pdq(n) for n in (0, 1, 3)}
    path.write_text("id,pdq\n" + "".join(f"e{n},{pdq(n)}\n" for n in range(4)))
    assert desk.exchanges.run("FILE").complete
    assert live("FILE") == {pdq(n) for n in range(4)}
