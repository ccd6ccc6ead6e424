"""An S3-compatible store on loopback, in this process, that a test can break."""

import hashlib
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from tocsin.gateway.cluster.bucket import Bucket


class Store:
    """Objects by key. ``broken`` calls with one of these words in method and path get 500; ``asked`` is all calls."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.at: dict[str, datetime] = {}
        self.pending: dict[str, dict[int, bytes]] = {}
        self.broken: list[str] = []
        self.asked: list[str] = []
        store, number = self, itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                return

            def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if "Content_Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def _asked(self) -> tuple[str, dict[str, list[str]], bytes] | None:
                split = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                line = f"{self.command} {self.path}"
                store.asked.append(line)
                if any(word in line for word in store.broken):
                    self._answer(400, b"<Error><Code>Broken</Code></Error>")
                    return None
                key = unquote(split.path).lstrip("/").partition("/")[2]
                return key, parse_qs(split.query, keep_blank_values=True), body

            def do_GET(self) -> None:
                asked = self._asked()
                if asked is None:
                    return
                key, query, _ = asked
                if "list-type" in query:
                    self._answer(200, store.listing(query.get("prefix", [""])[0]))
                    return
                data = store.objects.get(key)
                if data is None:
                    self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
                    return
                tag = tag_of(data)
                about = {"ETag": tag, "Last_Modified": store.at[key].strftime("%a, %d %b %Y %H:%M:%S GMT")}
                if self.headers.get("if-none-match") == tag:
                    self._answer(304, ETag=tag)
                elif wanted := self.headers.get("range"):
                    low, _, high = wanted.removeprefix("bytes=").partition("-")
                    end = min(int(high or len(data)), len(data) - 1)
                    about["Content_Range"] = f"bytes {low}-{end}/{len(data)}"
                    self._answer(206, data[int(low) : end + 1], **about)
                else:
                    more = {"Content_Length": str(len(data))} if self.command == "HEAD" else {}
                    self._answer(200, data, **about, **more)

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_PUT(self) -> None:
                asked = self._asked()
                if asked is None:
                    return
                key, query, body = asked
                if "uploadId" in query:
                    store.pending[query["uploadId"][0]][int(query["partNumber"][0])] = body
                else:
                    store.put(key, body)
                self._answer(200, ETag=tag_of(body))

            def do_POST(self) -> None:
                asked = self._asked()
                if asked is None:
                    return
                key, query, body = asked
                if "delete" in query:
                    keys = [one.text or "" for one in ElementTree.fromstring(body).iter() if one.tag.endswith("Key")]
                    for one in keys:
                        store.objects.pop(one, None)
                    told = "".join(f"<Deleted><Key>{escape(one)}</Key></Deleted>" for one in keys)
                    self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())
                elif "uploads" in query:
                    name = str(next(number))
                    store.pending[name] = {}
                    said = f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
                    self._answer(200, said.encode())
                else:
                    parts = store.pending.pop(query["uploadId"][0])
                    store.put(key, b"".join(parts[one] for one in sorted(parts)))
                    tag = tag_of(store.objects[key])
                    said = f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
                    self._answer(200, said.encode())

            def do_DELETE(self) -> None:
                asked = self._asked()
                if asked is not None:
                    store.objects.pop(asked[0], None)
                    self._answer(204)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def put(self, key: str, data: bytes) -> None:
        self.objects[key], self.at[key] = data, datetime.now(UTC)

    def listing(self, prefix: str) -> bytes:
        told = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{self.at[key]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(tag_of(data))}</ETag><Size>{len(data)}</Size></Contents>"
            for key, data in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{told}</ListBucketResult>".encode()


def tag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store, and the environment that leads there, for this process and those it starts."""
    pytest.importorskip("obstore")
    store = Store()
    for name, value in {
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-north-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }.items():
        monkeypatch.setenv(name, value)
    yield store
    store.server.shutdown()
    store.server.server_close()


@pytest.fixture
def bucket(s3: Store) -> Bucket:
    return Bucket.open("s3://bucket/lists/known")
