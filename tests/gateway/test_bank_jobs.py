import threading
from concurrent.futures import Future

import pytest

from tocsin.gateway import bank_jobs
from tocsin.gateway.bank_jobs import Job, Jobs, NewContent, grouped
from tocsin.gateway.refusals import Refused


def job(bank, work=None, remove=0):
    content = None if work or remove else NewContent(signals={"pdq": "0" * 64})
    return Job(bank, Future(), content=content, work=work, remove=remove)


def test_what_waits_is_taken_together_and_all_of_it_before_the_end():
    jobs = Jobs()
    waiting = [job(1), job(2), job(1)]
    for one in waiting:
        jobs.put(one)
    assert jobs.close()
    assert jobs.next() == waiting
    assert jobs.next() is None
    assert not jobs.close()
    with pytest.raises(Refused) as caught:
        jobs.put(job(1))
    assert caught.value.status == 503


def test_no_group_is_larger_than_the_largest(monkeypatch):
    monkeypatch.setattr(bank_jobs, "GROUP", 2)
    jobs = Jobs()
    for _ in range(5):
        jobs.put(job(1))
    assert [len(jobs.next()) for _ in range(3)] == [2, 2, 1]


def test_patience_ends_without_a_job():
    assert Jobs().next(0.001) == []


def test_a_banks_order_is_kept_and_banks_do_not_wait_for_each_other():
    a, b, c, d, e = job(1), job(2), job(1, remove=7), job(1, work=lambda: None), job(1)
    assert grouped([a, b, c, d, e]) == [(1, [a, c]), (2, [b]), (1, [d]), (1, [e])]


def test_the_rest_ends_with_the_service(monkeypatch):
    monkeypatch.setattr(bank_jobs, "MOST_REST_S", 3600)
    jobs = Jobs()
    resting = threading.Thread(target=jobs.rest, args=(1000,))
    resting.start()
    jobs.close()
    resting.join(60)
    assert not resting.is_alive()
    jobs.rest(1000)  # at once, not an hour later
