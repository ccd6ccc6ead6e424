from tocsin.gateway.refusals import Refused


def test_a_refusal_has_the_shape_that_hmas_clients_read():
    refused = Refused(404, "There is none.", {"X": "y"})
    assert (refused.status, refused.as_dict(), refused.headers) == (404, {"message": "There is none."}, {"X": "y"})
