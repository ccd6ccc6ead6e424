import base64
import hashlib
import io
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.entry import Entry, Rejected, Status
from tocsin.matching.lists.read_ncmec import read_ncmec

M = hashlib.md5(b"a").hexdigest()
PAGE = """<?xml version="1.0"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
 <images count="3" maxTimestamp="2017-10-24T15:10:00Z">
  <image><member id="42">Name &amp; Co</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>image1</id>
   <classification>A1</classification>
   <fingerprints><md5>{md5}</md5><pdna>{pdna}</pdna>
    <tmk-pdqf rel="self" href="/x"/><netclean>n1</netclean></fingerprints>
   <feedback lastUpdateTimestamp="x"><negativeFeedback type="Sha1"><reasons><reason guid="g" name="not it"/>
    <members timestamp="x"><member id="43">N</member></members></reasons></negativeFeedback></feedback></image>
  <deletedImage><member id="43">N</member><id>image4</id><timestamp>2017-10-25T00:00:00Z</timestamp></deletedImage>
  <image><member id="42">N</member><id>image5</id><fingerprints><md5>short</md5></fingerprints></image></images>
 <videos count="1"><video><member id="1">V</member><id>v</id>
  <fingerprints><md5>{md5}</md5></fingerprints></video></videos>
 <paging><next>/v2/entries?start=1&amp;size=2&amp;max=3</next></paging></queryResult>"""


def page():
    return PAGE.format(md5=M, pdna=base64.b64encode(bytes(144)).decode()).encode()


def test_images_videos_and_deletions():
    image, deleted, bad, video = read_ncmec(io.BytesIO(page()))
    assert [kind for kind, _ in image.hashes] == ["md5", "photodna"]
    assert (image.id, image.classification, image.scheme, image.source) == ("42-image1", "A1", "industry", "Name & Co")
    assert image.extra["netclean"] == "n1"
    assert image.extra["feedback"] == [
        {"feedback": "negativefeedback", "type": "Sha1", "reasons": ["not it"], "members": ["43"]}
    ]
    assert (deleted.id, deleted.status, deleted.hashes) == ("43-image4", Status.DELETED, [])
    assert isinstance(bad, Rejected)
    assert (video.id, video.extra) == ("1-v", {"media": "video"})


def test_other_namespaces_and_encodings():
    data = page().replace(b'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"', b'xmlns="urn:other"')
    assert len(list(read_ncmec(io.BytesIO(data)))) == 4
    utf16 = page().decode().replace('version="1.0"', 'version="1.0" encoding="utf-16"').encode("utf-16")
    assert len(list(read_ncmec(io.BytesIO(utf16)))) == 4


def test_entities_are_never_read():
    bomb = b'<!DOCTYPE q [<!ENTITY a "aaaa">]><queryResult><images><image><id>&a;</id></image></images></queryResult>'
    [one] = read_ncmec(io.BytesIO(bomb))
    assert one.fatal
    assert "never read" in one.reason


def test_a_page_that_is_cut_gives_what_came_before_and_says_so():
    rows = list(read_ncmec(io.BytesIO(page()[:-300])))
    assert rows[0].id == "42-image1"
    assert rows[-1].fatal


def test_a_date_that_cannot_be_read_costs_neither_hash_nor_deletion():
    data = page().replace(b"2017-10-24T15:00:00Z", b"Oct 24 2017").replace(b"2017-10-25T00:00:00Z", b"?")
    image, deleted, _, _ = read_ncmec(io.BytesIO(data))
    assert (len(image.hashes), image.updated, image.problem) == (2, 0, "the date 'Oct 24 2017' cannot be read")
    assert (deleted.status, deleted.updated) == (Status.DELETED, 0)


def test_memory_stays_flat():
    one = f'<image><member id="1">N</member><id>i</id><fingerprints><md5>{M}</md5></fingerprints></image>\n'
    data = io.BytesIO(b"<queryResult><images>" + one.encode() * 4_000 + b"</images></queryResult>")
    tracemalloc.start()
    count = sum(1 for _ in read_ncmec(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4_000
    assert peak < 1_500_000


parts_of_pages = st.sampled_from(
    ["<images>", "</images>", "<image>", "</image>", "<id>", "</id>", "x", "<a/>", "&lt;", "&x;"]
)


@given(st.lists(parts_of_pages, max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_markup_gives_entries_or_reasons(parts):
    for one in read_ncmec(io.BytesIO(("<queryResult>" + "".join(parts)).encode())):
        assert isinstance(one, Entry | Rejected)
