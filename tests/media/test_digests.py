import hashlib
from io import BytesIO

from tocsin.media.digests import CHUNK, digest_bytes, digest_stream


def test_one_pass_gives_what_each_digest_gives_alone():
    data = bytes(range(256)) * (2 * CHUNK // 256) + b"and a rest"
    found = digest_stream(BytesIO(data))
    assert found == digest_bytes(data)
    assert found.md5 == hashlib.md5(data).hexdigest()
    assert found.sha1 == hashlib.sha1(data).hexdigest()
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.size == len(data)


def test_a_stream_is_digested_from_where_it_stands():
    stream = BytesIO(b"headbody")
    stream.seek(4)
    assert digest_stream(stream) == digest_bytes(b"body")
