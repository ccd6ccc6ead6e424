from contextlib import asynccontextmanager

from tocsin.gateway import app, services


def test_services_run_while_the_application_does(serving, monkeypatch):
    told = []

    @asynccontextmanager
    async def one(gateway):
        told.append(("start", gateway.core))
        yield
        told.append(("end", gateway.core))

    monkeypatch.setattr(app, "SERVICES", (*services.SERVICES, one))
    client = serving()
    assert told == [("start", True)]
    serving.stop(client)
    assert told == [("start", True), ("end", True)]
