"""Whatever waits is written together; one job's trouble is not another's; a closed or full writer says so."""

import threading

import pytest
from sqlalchemy import select

from tocsin.hub import writer as writers
from tocsin.hub.store.schema import Setting
from tocsin.hub.writer import Overloaded, Writer


def work(session, jobs):
    for job in jobs:
        if job == "bad":
            raise ValueError("bad job")
        session.add(Setting(key=job, value={}))
    session.flush()
    return [len(jobs)] * len(jobs)


@pytest.fixture
def writer(store):
    made = Writer(store, work)
    yield made
    made.close()


def keys(store) -> set[str]:
    with store.reading() as session:
        return set(session.scalars(select(Setting.key)))


def test_a_result_means_on_disk(store, writer) -> None:
    assert writer.submit("a").result(60) == 1
    assert keys(store) == {"a"}


def test_jobs_that_wait_share_a_transaction_and_a_bad_one_fails_alone(store, writer) -> None:
    with store.session():  # nothing can be written meanwhile, so the jobs pile up
        futures = {name: writer.submit(name) for name in ("first", "a", "bad", "b")}
    for name in ("first", "a", "b"):
        assert futures[name].result(60) >= 1
    with pytest.raises(ValueError, match="bad job"):
        futures["bad"].result(60)
    assert keys(store) == {"first", "a", "b"}


def test_closing_finishes_what_waits(store) -> None:
    writer = Writer(store, work)
    futures = [writer.submit(str(n)) for n in range(300)]
    writer.close()
    assert all(future.done() for future in futures)
    assert len(keys(store)) == 300
    with pytest.raises(Overloaded):
        writer.submit("late")
    writer.close()


def test_too_much_at_once_is_refused(store, monkeypatch) -> None:
    monkeypatch.setattr(writers, "LONGEST_QUEUE", 2)
    started, free = threading.Event(), threading.Event()

    def slow(session, jobs):
        started.set()
        free.wait(60)
        return [None] * len(jobs)

    writer = Writer(store, slow)
    writer.submit("a")
    assert started.wait(60)
    writer.submit("b")
    writer.submit("c")
    with pytest.raises(Overloaded, match="send this again"):
        writer.submit("d")
    free.set()
    writer.close()
