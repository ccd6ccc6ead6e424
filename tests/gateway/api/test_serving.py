import base64
import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn

from tocsin.gateway.access import new_key
from tocsin.gateway.app import create_app
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.matching.lists import HashList, Terms, add, build, remove
from tocsin.matching.lists.entry import Entry

MD5 = "ab" * 16


def made_up(number):
    import random

    places = random.Random(number).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


@contextlib.contextmanager
def served(gateway):
    """The gateway on a port of loopback; gives its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(gateway), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 60
        while not server.started and thread.is_alive() and time.monotonic() < until:
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def gateway(tmp_path):
    """A gateway with a list MINE of five pictures and a video, which the partner acme may read."""
    rows = [Entry(n, [("pdq", bytes.fromhex(made_up(n)))], id=f"e{n}", classification="A1") for n in range(5)]
    rows.append(Entry(9, [("md5", bytes.fromhex(MD5))], id="film", extra={"media": "video"}))
    build(tmp_path / "mine", Terms(name="MINE"), [("test", rows)])
    opened = Gateway.open(Settings(data=tmp_path / "data", lists=(tmp_path / "mine",)))
    opened.desk.partners.grant("acme", ["MINE"], title="Acme")
    return opened


@pytest.fixture
def key(gateway):
    return new_key(gateway.store, gateway.clock, "acme", ["exchange"])


@pytest.fixture
def base(gateway, key):
    with served(gateway) as address:
        yield address


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


def fetch(base, key, **params):
    return httpx.get(
        f"{base}/serve/stopncii/v1/FetchHashes", timeout=60, params=params, headers={"x-functions-key": key}
    )


def hashes(answer):
    return {(one["hashValue"], one["hashStatus"]) for one in answer.json()["hashRecords"]}


@pytest.fixture
def tx(tmp_path, base, key):
    """Runs the real ``tx`` command against the gateway, with a state folder of its own."""
    pytest.importorskip("threatexchange")
    command = Path(sys.executable).with_name("tx")
    if not command.is_file():
        pytest.skip("the tx command is not installed")
    state = tmp_path / "tx"
    state.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"TMPDIR": str(state)}  # it leaves the hashes that it was asked about there
    environment |= {"TX_STATEDIR": str(state), "TX_STOPNCII_KEYS": f"{key},acme,{base}/serve/stopncii/v1"}

    def run(*arguments):
        done = subprocess.run(
            [command, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("config", "collab", "edit", "stop_ncii", "--create", "TOCSIN")
    return run


def test_the_real_tx_fetches_from_the_gateway_and_matches_with_what_it_fetched(tx, mine, gateway):
    tx("fetch")
    near = bytearray(bytes.fromhex(made_up(3)))
    near[0] ^= 0b111
    assert "TOCSIN" in tx("match", "--hashes", "photo", "--", near.hex())
    assert "TOCSIN" in tx("match", "--only-signal", "video_md5", "--hashes", "video", "--", MD5)
    assert tx("match", "--hashes", "photo", "--", made_up(77)).strip() == ""
    add(mine, [("later", [Entry(1, [("pdq", bytes.fromhex(made_up(77)))], id="later", updated=5)])])
    gateway.desk.ledger._looked.clear()
    tx("fetch")
    assert "TOCSIN" in tx("match", "--hashes", "photo", "--", made_up(77))


def test_pages_follow_each_other_and_hold_each_hash_once(base, key):
    found, token, pages = set(), "", 0
    while True:
        answer = fetch(base, key, startTimestamp=10, pageSize=2, nextPageToken=token)
        page = answer.json()
        assert page["count"] == len(page["hashRecords"])
        assert not found & hashes(answer)
        found |= hashes(answer)
        pages += 1
        if not page["hasMoreRecords"]:
            break
        token = page["nextPageToken"]
    assert pages == 3
    assert found == {(made_up(n), "Active") for n in range(5)} | {(MD5, "Active")}


def test_a_range_does_not_move_while_it_is_read_and_what_changed_comes_next(base, key, mine, gateway):
    first = fetch(base, key, pageSize=3).json()
    remove(mine, ["e4"])
    add(mine, [("new", [Entry(1, [("pdq", bytes.fromhex(made_up(8)))], id="e8", updated=7)])])
    gateway.desk.ledger._looked.clear()
    rest = fetch(base, key, pageSize=10, nextPageToken=first["nextPageToken"])
    told = {one["hashValue"] for one in first["hashRecords"]} | {value for value, _ in hashes(rest)}
    assert made_up(8) not in told
    second = rest.json()["nextSetTimestamp"]
    news = fetch(base, key, startTimestamp=second)
    assert hashes(news) == {(made_up(4), "Withdrawn"), (made_up(8), "Active")}
    assert hashes(fetch(base, key, startTimestamp=news.json()["nextSetTimestamp"])) == set()
    whole = hashes(fetch(base, key))
    assert (made_up(4), "Withdrawn") not in whole
    assert (made_up(8), "Active") in whole


@pytest.mark.parametrize("start", [-1, 2**50, "x"])
def test_odd_questions_are_refused_with_a_sentence(base, key, start):
    answer = fetch(base, key, startTimestamp=start)
    assert answer.status_code == 422
    assert answer.json()["message"]


@pytest.mark.parametrize("token", ["x", "AAAA", "§", "A" * 4000])
def test_a_made_up_token_is_refused(base, key, token):
    assert fetch(base, key, nextPageToken=token).status_code == 400


def test_a_token_is_good_for_its_partner_and_its_question_only(base, key, gateway):
    gateway.desk.partners.grant("other", ["MINE"])
    others = new_key(gateway.store, gateway.clock, "other", ["exchange"])
    token = fetch(base, key, pageSize=2).json()["nextPageToken"]
    gateway.access._keys.refresh()
    assert fetch(base, others, pageSize=2, nextPageToken=token).status_code == 400
    assert fetch(base, key, pageSize=2, nextPageToken=token, startTimestamp=50).status_code == 400
    assert fetch(base, key, pageSize=2, nextPageToken=token).status_code == 200


def test_only_partners_with_their_key_are_served(base, key, gateway):
    assert fetch(base, "").status_code == 401
    assert fetch(base, key[:-2] + "xx").status_code == 401
    stranger = new_key(gateway.store, gateway.clock, "stranger", ["exchange"])
    lookup = new_key(gateway.store, gateway.clock, "lookup", ["lookup"])
    gateway.access._keys.refresh()
    assert fetch(base, stranger).status_code == 403
    assert fetch(base, lookup).status_code == 403
    assert httpx.get(f"{base}/serve/ncmec/v2/status", timeout=60).headers["www-authenticate"].startswith("Basic")
    wrong = httpx.get(f"{base}/serve/ncmec/v2/status", timeout=60, auth=("other", key))
    assert wrong.status_code == 401


def test_every_fetch_is_in_the_log_and_no_hash_is(base, key, gateway):
    assert fetch(base, key).status_code == 200
    log = b"".join(path.read_bytes() for path in gateway.settings.audit.rglob("*") if path.is_file())
    assert b"FetchHashes" in log
    assert b"acme" in log
    assert made_up(1).encode() not in log
    assert key.encode() not in log


def test_a_partner_submits_only_where_that_was_agreed_and_both_spellings_are_read(base, key, gateway):
    headers = {"x-functions-key": key}
    url = f"{base}/serve/stopncii/v1/SubmitHashes"
    records = [
        {"signalType": "StopNCIISignalType.ImagePDQ", "hashValue": made_up(50), "lastModtimestamp": 1,
         "CSPFeedbacks": [{"tags": ["Nude"], "feedbackValue": "Blocked"}]},
        {"signalType": "VideoMD5", "hashValue": MD5},
        {"signalType": "ImagePDQ", "hashValue": "no hash"},
        {"signalType": "Text", "hashValue": "words"},
        7,
    ]  # fmt: skip
    body = {"count": 5, "hashRecords": records}
    assert httpx.post(url, timeout=60, json=body, headers=headers).status_code == 403
    from tocsin.gateway.banks_tables import Bank

    with gateway.store.session() as session:
        session.add(Bank(name="INBOX", folder="inbox", labels=[], created_at=gateway.clock.now()))
    gateway.catalogue.refresh()
    gateway.desk.partners.grant("acme", [], inbox="INBOX")
    done = httpx.post(url, timeout=60, json=body, headers=headers).json()
    assert done["count"] == 2
    assert [one["record"] for one in done["rejected"]] == [3, 4, 5]
    inbox = gateway.settings.banks / "inbox"
    held = {entry.hashes[0][1].hex(): entry for entry in HashList.open(inbox).view.all_entries()}
    assert set(held) == {made_up(50), MD5}
    assert held[made_up(50)].source == "Acme"
    back = {"count": 1, "hashFeedbacks": [{"hashValue": made_up(50), "tags": [], "feedbackValue": "Withdrawn"}]}
    httpx.post(f"{base}/serve/stopncii/v1/SubmitFeedback", timeout=60, json=back, headers=headers)
    assert {entry.hashes[0][1].hex() for entry in HashList.open(inbox).view.all_entries()} == {MD5}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"hashRecords": 5}', b"[" * 5000])
def test_a_body_that_is_none_is_refused(base, key, body):
    for call in ("SubmitHashes", "SubmitFeedback"):
        answer = httpx.post(
            f"{base}/serve/stopncii/v1/{call}", timeout=60, content=body, headers={"x-functions-key": key}
        )
        assert answer.status_code in (400, 403)
        assert answer.json()["message"]


def test_what_a_partner_says_of_a_hash_is_told_to_others(base, key):
    before = fetch(base, key).json()["nextSetTimestamp"]
    said = {"hashFeedbacks": [{"hashValue": made_up(2), "tags": None, "feedbackValue": "NotBlocked"}], "count": 1}
    url = f"{base}/serve/stopncii/v1/SubmitFeedback"
    assert httpx.post(url, timeout=60, json=said, headers={"x-functions-key": key}).json()["count"] == 1
    [record] = fetch(base, key, startTimestamp=before).json()["hashRecords"]
    assert record["CSPFeedbacks"] == [{"source": "Acme", "feedbackValue": "NotBlocked", "tags": []}]


@pytest.fixture
def theirs(base, key):
    """The client of package threatexchange for NCMEC, pointed at the gateway."""
    api = pytest.importorskip("threatexchange.exchanges.clients.ncmec.hash_api")
    client = api.NCMECHashAPI("acme", key, api.NCMECEnvironment.test_Industry)
    client._base_url = f"{base}/serve/ncmec"
    client.api = api
    return client


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_the_client_of_package_threatexchange_reads_entries_and_deletions(theirs, mine, gateway, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        now = int(time.time())
        [page] = theirs.get_entries_iter(start_timestamp=0, end_timestamp=now + 60)
        assert {one.fingerprints.get("pdq") for one in page.updates} >= {made_up(n) for n in range(5)}
        film = next(one for one in page.updates if one.entry_type.value == "video")
        assert film.fingerprints == {"md5": MD5}
        assert page.updates[0].classification == "A1"
        wanted = next(one for one in page.updates if one.fingerprints.get("pdq") == made_up(3))
        remove(mine, ["e3"])
        gateway.desk.ledger._looked.clear()
        [later] = theirs.get_entries_iter(start_timestamp=now, end_timestamp=now + 60)
        gone = [one for one in later.updates if one.deleted]
        assert [(one.member_id, one.id) for one in gone] == [(wanted.member_id, wanted.id)]
        [anew] = theirs.get_entries_iter(start_timestamp=0, end_timestamp=now + 60)
        assert {one.id for one in anew.updates if one.deleted} == {wanted.id}
        assert all(not one.fingerprints for one in anew.updates if one.deleted)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_its_pages_follow_each_other(theirs, monkeypatch):
    from tocsin.exchange import ncmec

    monkeypatch.setattr(ncmec, "PAGE", 2)
    pages = list(theirs.get_entries_iter(start_timestamp=0, end_timestamp=int(time.time()) + 60))
    assert [len(page.updates) for page in pages] == [2, 2, 2]
    assert pages[0].get_next_info() == (3, 2, 6)
    assert pages[0].estimated_entries_in_range >= 5
    assert len({(one.member_id, one.id) for page in pages for one in page.updates}) == 6


def test_it_says_who_it_is_and_votes(theirs):
    api = theirs.api
    assert theirs.status().esp_name == "Acme"
    assert {one.esp_name for one in theirs.members()} == {"MINE", "Acme"}
    reasons = theirs.feedback_reasons(api.FingerprintType.pdq)
    assert len(reasons) == 3
    [page] = theirs.get_entries_iter(start_timestamp=0, end_timestamp=int(time.time()) + 60)
    one = next(one for one in page.updates if "pdq" in one.fingerprints)
    theirs.submit_upvote(one.member_id, one.id, api.FingerprintType.pdq)
    guid = next(iter(reasons))
    theirs.submit_feedback(one.member_id, one.id, api.FingerprintType.md5, api.FeedbackType.downvote, guid)
    [page] = theirs.get_entries_iter(start_timestamp=0, end_timestamp=int(time.time()) + 60)
    said = next(entry for entry in page.updates if entry.id == one.id).feedback
    assert said["Pdq"][0].feedback_type == api.FeedbackType.upvote
    assert said["Md5"][0].reason == reasons[guid]
    assert said["Md5"][0].member.esp_name == "Acme"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("entries/1/zz/PDQ/feedback", b"<feedbackSubmission><affirmative/></feedbackSubmission>", 404),
        ("entries/x/00/PDQ/feedback", b"<feedbackSubmission><affirmative/></feedbackSubmission>", 404),
        ("entries/1/00/SMELL/feedback", b"<feedbackSubmission><affirmative/></feedbackSubmission>", 404),
        ("entries/1/00/PDQ/feedback", b"<nothing/>", 400),
        (
            "entries/1/00/PDQ/feedback",
            b'<!DOCTYPE a [<!ENTITY b "c">]><feedbackSubmission>&b;</feedbackSubmission>',
            400,
        ),
    ],
)
def test_odd_votes_are_refused_with_a_sentence(base, key, path, body, code):
    answer = httpx.put(f"{base}/serve/ncmec/v2/{path}", timeout=60, content=body, auth=("acme", key))
    assert (answer.status_code, bool(answer.json()["message"])) == (code, True)


@pytest.mark.parametrize("asked", [{}, {"from": "x", "to": "y"}, {"from": "1970-01-01T00:00:00Z"}])
def test_a_range_needs_its_two_ends(base, key, asked):
    assert httpx.get(f"{base}/serve/ncmec/v2/entries", timeout=60, params=asked, auth=("acme", key)).status_code == 400


def test_a_login_that_is_none_is_refused(base):
    for text in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"acme").decode(), "Bearer x"):
        answer = httpx.get(f"{base}/serve/ncmec/v2/status", timeout=60, headers={"authorization": text})
        assert answer.status_code == 401


def test_one_gateway_gives_to_another_and_takes_back(gateway, key, tmp_path):
    from tocsin.gateway.banks_tables import Bank

    with gateway.store.session() as session:
        session.add(Bank(name="INBOX", folder="inbox", labels=[], created_at=gateway.clock.now()))
    gateway.catalogue.refresh()
    gateway.desk.partners.grant("acme", [], inbox="INBOX")
    rows = [Entry(n, [("pdq", bytes.fromhex(made_up(n)))], id=f"e{n}") for n in (11, 12)]
    build(tmp_path / "theirs", Terms(name="THEIRS"), [("test", rows)])
    other = Gateway.open(Settings(data=tmp_path / "other", lists=(tmp_path / "theirs",)))
    try:
        with served(gateway) as address:
            keys = dict.fromkeys(
                ("fetch_function_key", "subscription_key", "submit_function_key", "feedback_function_key"), key
            )
            base = {"base_url_override": f"{address}/serve/stopncii/v1"}
            other.desk.exchanges.set_credentials("stop_ncii", keys | base, trusted=True)
            other.desk.exchanges.create("HUBBY", "stop_ncii", {}, trusted=True)
            other.desk.pushes.set("HUBBY", "THEIRS")
            assert other.desk.pushes.run("HUBBY", "THEIRS").done.given == 2
            inbox = gateway.settings.banks / "inbox"
            held = {value.hex() for one in HashList.open(inbox).view.all_entries() for _, value in one.hashes}
            assert held == {made_up(11), made_up(12)}
            remove(tmp_path / "theirs", ["e11"])
            assert other.desk.pushes.run("HUBBY", "THEIRS").done.gone == 1
            held = {value.hex() for one in HashList.open(inbox).view.all_entries() for _, value in one.hashes}
            assert held == {made_up(12)}
    finally:
        other.close()


def test_disabled_content_is_not_served(gateway, key, until):
    from tocsin.gateway.banks_tables import DisabledEntry
    from tocsin.gateway.ids import FIRST_OF_LISTS
    from tocsin.matching.lists.entry import key_of

    number = FIRST_OF_LISTS | int.from_bytes(key_of(Entry(0, id="e1"))[:8], "big") >> 12
    with gateway.store.session() as session:
        session.add(DisabledEntry(bank="MINE", entry_id=number, disable_until_ts=0))
    with served(gateway) as address:

        def told():
            page = httpx.get(
                f"{address}/serve/stopncii/v1/FetchHashes", timeout=60, headers={"x-functions-key": key}
            ).json()
            return {one["hashValue"] for one in page["hashRecords"]}

        until(lambda: made_up(1) not in told())  # lists are compared at most once a second
        assert made_up(2) in told()
