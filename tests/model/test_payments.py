from dataclasses import fields

from tocsin.model.payments import Journey, Payment, PaymentsSeen, Purchase, Receiver


def test_nothing_that_must_not_be_weighed_has_a_field():
    names = {field.name for kind in (Payment, Receiver, Purchase, Journey, PaymentsSeen) for field in fields(kind)}
    assert not names & {"name", "nationality", "ethnicity", "religion", "sex", "gender", "surname", "citizenship"}
