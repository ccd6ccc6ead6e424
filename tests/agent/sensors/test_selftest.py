from tocsin.agent.sensors.selftest import check


class Broken:
    def __init__(self, answer) -> None:
        self.answer = answer

    def read(self, images):
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(self.answer, 1.0) for _ in images]


def test_the_engine_passes(line_reader):
    assert check(line_reader).passed


def test_a_reader_that_answers_nothing_or_nonsense_or_fails_is_noticed():
    for answer in ("", "lorem", RuntimeError("no model")):
        result = check(Broken(answer))
        assert not result.passed
        assert result.sentence
