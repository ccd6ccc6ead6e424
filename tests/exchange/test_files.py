import httpx
import pytest

from tocsin.exchange import files
from tocsin.exchange.files import WholeFile, fetched_from
from tocsin.exchange.pages import Opinion, Refused, Unreachable, Unusable
from tocsin.matching.lists import Entry, Reading, Rejected

PDQ = "f0" * 32
MD5 = "a" * 32
VICS = '{"odata.metadata": "http://x/#Media", "value": [{"MediaID": 1, "Category": 1, "MD5": "' + MD5 + '"}'


def rows(path, **more):
    return [row for page in WholeFile(path, **more).pages(None, None) for row in page.rows]


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "list"
        path.write_text(text)
        return path

    return write


def test_a_csv_is_read_whole_and_not_again_until_it_changes(written):
    path = written(f"md5,category\n{MD5},1\nbroken,2\n")
    pages = list(WholeFile(path).pages(None, None))
    assert [type(row) for page in pages for row in page.rows] == [Entry, Rejected]
    assert all(page.full for page in pages)
    assert pages[-1].checkpoint is not None
    [again] = WholeFile(path).pages(pages[-1].checkpoint, None)
    assert not again.full
    path.write_text(f"md5\n{MD5[::-1]}\n")
    assert len(list(WholeFile(path).pages(pages[-1].checkpoint, None))) == 2


def test_vics_is_read(written):
    [entry] = rows(written(VICS + "]}"))
    assert entry.hashes == [("md5", bytes.fromhex(MD5))]


def test_lines_of_type_and_hash_and_bare_hashes_are_read(written):
    found = rows(written(f"# a comment\npdq {PDQ}\nvideo_md5 {MD5}\npdq zz\n"))
    assert [row.hashes[0][0] for row in found[:2]] == ["pdq", "md5"]
    assert isinstance(found[2], Rejected)
    [bare] = rows(written(PDQ + "\n"), how=Reading(sixty_four="pdq"))
    assert bare.hashes == [("pdq", bytes.fromhex(PDQ))]


def test_a_file_that_breaks_off_is_refused(written):
    with pytest.raises(Unusable, match="breaks off"):
        rows(written(VICS + ","))
    with pytest.raises(Unusable, match="no list known here"):
        rows(written("<html>"))


def test_a_file_that_changes_while_it_is_read_is_no_whole_range(written, monkeypatch):
    monkeypatch.setattr(files, "BATCH", 1)
    path = written(f"md5\n{MD5}\n{MD5[::-1]}\n")
    pages = WholeFile(path).pages(None, None)
    next(pages)
    path.write_text("md5\n")
    with pytest.raises(Unreachable, match="changed while it was read"):
        list(pages)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(Unreachable, match="cannot be read"):
        rows(tmp_path / "missing")
    assert not WholeFile(tmp_path / "x").tell(Opinion("", "md5", MD5, good=True))


def test_a_list_at_an_address_is_fetched_when_it_has_changed(tmp_path):
    asked = []

    def answer(request):
        asked.append(request.headers.get("if-none-match"))
        assert str(request.url) == "https://lists.example/a/list.csv?sig=1"
        if asked[-1]:
            return httpx.Response(304)
        return httpx.Response(200, content=f"md5,id\n{MD5},1\n".encode(), headers={"etag": '"v1"'})

    def source():
        fetch = fetched_from("https://lists.example/a/list.csv?sig=1", httpx.MockTransport(answer))
        return WholeFile(tmp_path / "kept", fetch=fetch)

    pages = list(source().pages(None, None))
    assert len(pages[0].rows) == 1
    [again] = source().pages(pages[-1].checkpoint, None)
    assert asked == [None, '"v1"']
    assert not again.full


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://user@x.example/a", "x", "https://x.example/a#b"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Refused):
        fetched_from(url, httpx.MockTransport(lambda _: httpx.Response(200)))
