import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tocsin.exchange.stopncii import StopNCII, page_of, record_of
from tocsin.gateway.exchanges.desk import Desk
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store
from tocsin.matching.lists import HashList, Terms, build
from tocsin.matching.lists.entry import Entry

KEYS = {"fetch_function_key": "f", "subscription_key": "s", "base_url_override": "https://api.example/v1"}


def made_up(number):
    """A made-up PDQ hash."""
    import random

    places = random.Random(number).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


@dataclass
class Clock:
    """A clock that a test moves."""

    at: datetime = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

    def now(self):
        return self.at

    def monotonic_ns(self):
        return int(self.at.timestamp() * 1e9)

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)


@dataclass
class Upstream:
    """A StopNCII that a test fills; ``faults`` are answers given before the true ones come."""

    records: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    page: int = 2
    asked: list = field(default_factory=list)
    posted: list = field(default_factory=list)
    at: int = 1_700_000_000

    def put(self, number, status="Active"):
        self.at += 1
        self.records.pop(number, None)
        self.records[number] = record_of("ImagePDQ", made_up(number), status, self.at)

    def answer(self, request):
        if request.method == "POST":
            if self.faults:
                return self.faults.pop(0)
            self.posted.append((request.url.path, json.loads(request.content)))
            return httpx.Response(200, content=b"{}")
        self.asked.append(dict(request.url.params))
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        since, token = int(request.url.params["startTimestamp"]), request.url.params.get("nextPageToken", "0")
        changed = [one for one in self.records.values() if one["lastModtimestamp"] >= since]
        first = int(token)
        following = str(first + self.page) if first + self.page < len(changed) else ""
        return httpx.Response(200, json=page_of(changed[first : first + self.page], following, self.at))

    def source(self, **more):
        return StopNCII(KEYS | more, transport=httpx.MockTransport(self.answer), sleep=lambda _: None, page=self.page)


@pytest.fixture
def pdq():
    """Makes up a PDQ hash of a number."""
    return made_up


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def upstream():
    return Upstream()


@pytest.fixture
def settings(tmp_path, clock):
    made = Settings(data=tmp_path / "data", clock=clock)
    for folder in (made.data, made.banks, made.keys):
        folder.mkdir(parents=True)
    return made


@pytest.fixture
def store(settings):
    opened = Store.open(settings.data / "gateway.db")
    yield opened
    opened.close()


@pytest.fixture
def folders(settings):
    """Where banks lie, by name; exchanges add theirs through the desk."""
    return {}


@pytest.fixture
def desk(settings, store, folders):
    from tocsin.gateway.refusals import Refused

    def folder_of(bank):
        if bank in folders:
            return folders[bank]
        raise Refused(404, f"There is no bank named {bank}.")

    opened = Desk.open(settings, store, folder_of)
    yield opened
    opened.close()


@pytest.fixture
def exchange(desk):
    """An exchange named PARTNER that reads StopNCII."""
    desk.exchanges.set_credentials("stop_ncii", KEYS)
    desk.exchanges.create("PARTNER", "stop_ncii", {})
    return "PARTNER"


@pytest.fixture
def live(desk):
    """Returns the hashes that an exchange's bank matches now."""

    def hashes(name):
        view = HashList.open(desk.exchanges.folder(name)).view
        return {value.hex() for entry in view.all_entries() for _, value in entry.hashes}

    return hashes


@pytest.fixture
def bank(folders, settings):
    """Builds a bank of made-up hashes: ``bank("MINE", [1, 2])``."""

    def make(name, numbers, **terms):
        folder = settings.banks / name.lower()
        rows = [Entry(n, [("pdq", bytes.fromhex(made_up(n)))], id=f"e{n}") for n in numbers]
        build(folder, Terms(name=name, **terms), [("test", rows)])
        folders[name] = folder
        return folder

    return make
