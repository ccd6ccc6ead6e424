import codecs
import io

import pytest

from tocsin.matching.lists.entry import Rejected
from tocsin.matching.lists.lines import LONGEST_LINE, as_utf8, encoding_of, lines_of


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
     (codecs.BOM_UTF32_LE, "utf-32-le"), (b"", "utf-8"), (b"", "utf-16-le"), (b"", "utf-16-be")],
)  # fmt: skip
def test_every_encoding_gives_the_same_lines(mark, encoding):
    file = io.BytesIO(mark + "first;é\r\nsecond\r\n\r\nlast".encode(encoding))
    assert list(lines_of(file)) == [(1, "first;é"), (2, "second"), (4, "last")]
    assert as_utf8(file).read().decode().splitlines() == ["first;é", "second", "", "last"]


def test_an_endless_line_is_left_out_and_the_rest_is_read():
    file = io.BytesIO(b"a" * (3 * LONGEST_LINE) + b"\nafter\n")
    first, second = lines_of(file)
    assert isinstance(first, Rejected)
    assert "65,536" in first.reason
    assert second == (2, "after")


def test_bytes_that_are_no_letters_do_not_stop_it():
    assert list(lines_of(io.BytesIO(b"ok\n\xff\xfe\xfa bad\nok\n")))[2] == (3, "ok")


def test_lines_of_a_file_that_is_closed_meanwhile_are_let_go_of():
    file = io.BytesIO(b"one\ntwo\n")
    lines = lines_of(file)
    assert next(lines) == (1, "one")
    file.close()
    lines.close()


def test_short_heads_are_utf_8():
    assert encoding_of(b"") == encoding_of(b"a") == ("utf-8", 0)
