"""Requests that mean harm, or might: each is refused as it should be, the service stays up, and nothing is lost."""

import asyncio
import base64
import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rag.server.keys import KeyFile
from rag.server.pages import FOLDER
from rag.store import open_store
from tests.conftest import FakeEmbedder
from tests.server.conftest import EVIL, SALES, make_settings
from tests.server.running import Running, read_all, serving

NEW = b"\xe6\x96\xb0\xe9\x97\xbb\n\xe6\x96\xb0\xe7\x9a\x84\xe4\xb8\x80\xe5\x8f\xa5\xe3\x80\x82\n"
CHAT = {"model": "rag", "messages": [{"role": "user", "content": SALES}]}


class Keyed:
    """A server with keys and low limits."""

    def __init__(self, running: Running, read: str, write: str, revoked: str) -> None:
        self.running, self.read, self.write, self.revoked = running, read, write, revoked

    def state(self) -> str:
        with self.running.client(self.read) as http:
            return http.get("/documents").text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    settings = make_settings(
        tmp_path_factory.mktemp("keyed"),
        max_body_kb=64,
        max_upload_mb=2,
        max_file_mb=1,
        max_files=5,
        body_seconds=1,
        max_history=10,
        max_history_chars=5000,
        requests_per_minute=100_000,
    )
    keys = KeyFile(settings.key_file)
    read, write, revoked = keys.add("reader", "read"), keys.add("writer", "write"), keys.add("gone", "write")
    keys.revoke("gone")
    with serving(settings, FakeEmbedder()) as running:
        yield Keyed(running, read, write, revoked)
    with open_store(settings.store, None) as store:
        assert list(store.verify()) == []


@pytest.fixture(autouse=True)
def _unharmed(server: Keyed) -> Iterator[None]:
    before = server.state()
    yield
    assert server.state() == before
    with server.running.client(server.read) as http:
        assert http.post("/ask", json={"question": SALES}).status_code == 200


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{secret}".encode()).decode()


# --- keys --------------------------------------------------------------------------------------------------------

ROUTES = [
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("POST", "/ask"),
    ("POST", "/search"),
    ("GET", "/documents"),
    ("POST", "/documents"),
    ("DELETE", "/documents/0123456789abcdef"),
    ("GET", "/source/0123456789abcdef"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/suggestions"),
    ("POST", "/"),
    ("POST", "/page/source.css"),
    ("GET", "/page"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("credentials", ["none", "wrong", "revoked"])
def test_without_a_key_that_holds_nothing_is_served(server: Keyed, method: str, path: str, credentials: str) -> None:
    keys = {"none": None, "wrong": "Bearer rag_wrong", "revoked": f"Bearer {server.revoked}"}
    given = keys[credentials]
    with server.running.client() as http:
        answer = http.request(method, path, headers={"Authorization": given} if given else {}, json={})
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert SALES not in answer.text
    if path.startswith("/v1/"):
        assert answer.json()["error"]["code"] == ("invalid_api_key" if given else "api_key_missing")


@pytest.mark.parametrize(
    "path", ["/", "/page/main.js", "/page/../documents", "/page/%2e%2e/documents", "/page//documents"]
)
def test_without_a_key_the_page_is_files_and_nothing_else(server: Keyed, path: str) -> None:
    answer = server.running.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    if path in ("/", "/page/main.js"):
        name = path.removeprefix("/page/").strip("/") or "index.html"
        assert body == (FOLDER / name).read_bytes()
        assert b"script-src 'self'" in head
    else:
        assert head.split()[1] in (b"401", b"404")
        assert b"passages" not in body


def test_a_browser_asks_for_a_password_only_where_it_opens_a_page(server: Keyed) -> None:
    with server.running.client() as http:
        opened = http.get("/source/x", headers={"Accept": "text/html,*/*;q=0.8"})
        asked = http.get("/documents", headers={"Accept": "*/*"})
    assert opened.headers["WWW-Authenticate"].startswith("Basic ")
    assert asked.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "bearer\tx",
        "Token {read}",
        "{read}",
        "Basic {read}",
        "Basic !!!",
        "Basic /w==",
        "Bearer {read}x",
        "Bearer x{read}",
        "Bearer {half}",
        "Bearer {upper}",
        "Bearer " + "a" * 20_000,
    ],
)
def test_a_key_must_be_whole_and_come_as_it_should(server: Keyed, header: str) -> None:
    value = header.format(read=server.read, half=server.read[:20], upper=server.read.upper())
    with server.running.client() as http:
        assert http.get("/documents", headers={"Authorization": value}).status_code == 401


def test_two_keys_are_none(server: Keyed) -> None:
    twice = f"Authorization: Bearer {server.read}\r\n" * 2
    answer = server.running.send(f"GET /documents HTTP/1.1\r\nHost: localhost\r\n{twice}\r\n".encode())
    assert b" 401 " in answer


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/documents"), ("DELETE", "/documents/x"), ("PUT", "/documents"), ("PATCH", "/ask")]
)
def test_a_read_key_writes_nothing(server: Keyed, method: str, path: str) -> None:
    with server.running.client(server.read) as http:
        answer = http.request(method, path, files={"files": ("a.txt", NEW)})
    assert answer.status_code == 403
    assert answer.json()["code"] == "read_only_key"


def test_a_key_as_a_password_opens_pages_but_not_for_a_page_of_another_site(server: Keyed) -> None:
    with server.running.client() as http:
        headers = {"Authorization": basic(server.write)}
        assert http.get("/documents", headers=headers).status_code == 200
        for origin in ("https://evil.example", "null", f"http://localhost:{server.running.port}"):
            answer = http.post("/documents", headers={**headers, "Origin": origin}, files={"files": ("a.txt", NEW)})
            assert answer.status_code == 403, origin


def test_a_key_is_refused_from_the_moment_it_is_revoked(server: Keyed) -> None:
    keys = KeyFile(server.running.settings.key_file)
    secret = keys.add("short-lived", "read")
    with server.running.client(secret) as http:
        assert http.get("/documents").status_code == 200
        keys.revoke("short-lived")
        assert http.get("/documents").status_code == 401


def test_a_damaged_key_file_lets_nobody_in(server: Keyed) -> None:
    path: Path = server.running.settings.key_file
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-20])  # in place: its mode stays
        with server.running.client(server.read) as http:
            assert http.get("/documents").status_code == 500
        path.rename(path.with_suffix(".away"))
        with server.running.client() as http:
            assert http.get("/documents").status_code == 401
    finally:
        path.with_suffix(".away").rename(path)
        path.write_bytes(whole)


def test_keys_are_stored_as_digests_alone(server: Keyed) -> None:
    text = server.running.settings.key_file.read_text()
    for secret in (server.read, server.write, server.revoked):
        assert secret not in text
    assert server.running.settings.key_file.stat().st_mode & 0o077 == 0


# --- paths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/../../../etc/passwd",
        "/page/..%2fapp.py",
        "/page/%2e%2e/%2e%2e/cli.py",
        "/page/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/page/....//....//etc/passwd",
        "/page//etc/passwd",
        "/page/%00",
        "/page/..\\app.py",
        "/page/%c0%ae%c0%ae/app.py",
        "/documents/../../etc/passwd",
        "/documents/..%2f..%2fvectorstore%2fstore.sqlite",
        "/documents/%00",
        "/documents/%ff%fe",
        "/source/../../../etc/passwd?start=0&end=9",
        "/source/..%2F..%2Fvectorstore-keys.json",
        "/source/%2e%2e",
        "/vectorstore-keys.json",
        "//etc/passwd",
        "/.git/config",
    ],
)
def test_no_path_leads_out(server: Keyed, path: str) -> None:
    key = server.read
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    answer = server.running.send(request.encode("latin-1"))
    assert answer.split(b" ", 2)[1] in (b"404", b"400"), answer[:200]
    assert b"root:" not in answer
    assert b"sha256" not in answer
    assert b"def " not in answer


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("../../escaped.txt", 200),
        ("..\\..\\escaped.txt", 200),
        ("/etc/escaped.txt", 200),
        ("%2e%2e%2fescaped.txt", 200),
        ("<img src=x onerror=alert(1)>.txt", 200),
        ("a\u202egpj.txt", 200),
        ("x" * 1000 + ".txt", 200),
        ("program.exe", 200),  # a text, whatever it is called
        ("page.html", 200),
        ("vectorstore-keys.json", 200),  # no JSON: told as failed
        ("noending", 200),
        (".txt", 200),
        ("..", 422),
        ("a.txt/", 422),
    ],
)
def test_an_uploaded_file_stays_in_its_folder(server: Keyed, name: str, status: int) -> None:
    settings = server.running.settings
    outside = {path for path in settings.store.parent.rglob("*") if settings.uploads not in path.parents}
    with server.running.client(server.write) as http:
        answer = http.post("/documents", files={"files": (name, NEW)})
        assert answer.status_code == status, answer.text
        if status == 200:
            assert len(answer.json()["documents"]) + len(answer.json()["failed"]) == 1
            for document in answer.json()["documents"]:
                folder, _, file = document["path"].partition("/")
                assert folder == settings.uploads.name
                assert (settings.uploads / file).read_bytes() == NEW
                assert not set(file) & set('/\\<>:"|?*\u202e')
                assert http.delete(f"/documents/{document['id']}").status_code == 200
    now = {path for path in settings.store.parent.rglob("*") if settings.uploads not in path.parents}
    new = {path for path in now - outside if settings.store not in path.parents}
    assert new <= {settings.uploads}


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/ask", "/search", "/documents"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_before_it_is_read(server: Keyed, path: str, declared: bool) -> None:
    size = 3_000_000 if path == "/documents" else 70_000
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.write}\r\n"
    head += "Content-Type: application/json\r\n"
    if declared:
        answer = server.running.send(f"{head}Content-Length: {size}\r\n\r\n".encode())
    else:
        chunk = b"a" * 10_000
        body = (b"%x\r\n%s\r\n" % (len(chunk), chunk)) * (size // len(chunk))
        with socket.create_connection(("127.0.0.1", server.running.port), timeout=10) as connection:
            with suppress(OSError):  # it may hang up before all is sent, which is as well
                connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body)
            answer = read_all(connection)
    assert b" 413 " in answer[:20]
    assert b"connection: close" in answer.lower()


def test_a_file_over_the_limit_and_too_many_files_are_refused(server: Keyed) -> None:
    with server.running.client(server.write) as http:
        big = http.post("/documents", files={"files": ("big.txt", "长句子。".encode() * 100_000)}).json()
        assert big["added"] == []
        assert "over the limit" in big["failed"]["vectorstore-files/big.txt"]
        many = [("files", (f"{n}.txt", NEW)) for n in range(6)]
        assert http.post("/documents", files=many).status_code == 400
        same = [("files", ("a.txt", NEW)), ("files", ("x/a.txt", NEW))]
        assert http.post("/documents", files=same).status_code == 422
        assert http.post("/documents", files={"files": ("", NEW)}).status_code in (415, 422)
        assert http.post("/documents", data={"files": "text"}).status_code == 415


@pytest.mark.parametrize("path", ["/ask", "/v1/chat/completions", "/documents"])
def test_a_slow_body_runs_out_of_time(server: Keyed, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.write}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.running.port), timeout=10) as connection:
        connection.sendall(head.encode())
        begin = time.monotonic()
        for _ in range(50):
            connection.sendall(b" ")
            connection.settimeout(0.1)
            try:
                answer = connection.recv(65536)
                break
            except TimeoutError:
                continue
        assert b" 408 " in answer[:20]
        assert time.monotonic() - begin < 3


def test_a_slow_head_is_hung_up_on(server: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.server import listen

    monkeypatch.setattr(listen, "_IDLE_SECONDS", 0.5)
    for first in (b"", b"GET / HTTP/1.1\r\nX-Slow: "):
        with socket.create_connection(("127.0.0.1", server.running.port), timeout=5) as connection:
            connection.sendall(first)
            begin = time.monotonic()
            connection.settimeout(0.1)
            while time.monotonic() - begin < 3:
                try:
                    if first:
                        connection.sendall(b"a")
                    if connection.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            assert time.monotonic() - begin < 2


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{'question': 'a'}",
    b'{"question": }',
    b'{"question": 1}',
    b'{"question": null, "messages": null}',
    b'{"question": ["a"], "messages": "a"}',
    b"\xff\xfe\x00",
    b'{"question": "\xff\xfe", "model": "rag", "messages": [{"role": "user", "content": "\xff"}]}',
    b'{"question": "\xc3\x28", "model": "rag", "messages": [{"role": "user", "content": "\xc3\x28"}]}',
    b'{"question": "\\ud800", "model": "rag", "messages": [{"role": "user", "content": "\\ud800"}]}',
    b'{"question": "\xed\xa0\x80", "model": "rag", "messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
    b"[" * 30_000,
    b'{"a":' * 9_000,
    *(b'{"question": 1, "messages": ' + b"[" * depth + b"]" * depth + b"}" for depth in (500, 900, 950, 990)),
    b'{"question": "a", "k": 1e999, "history": 1, "model": 1}',
    b'{"question": "a", "k": 99999999999999999999999, "history": {}, "messages": {}}',
    b'{"question": "", "model": "rag", "messages": [{"role": "user", "content": ""}]}',
    b'{"question": " \\n\\t", "model": "rag", "messages": [{"role": "user", "content": " \\u3000"}]}',
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: body[:20].decode("latin-1"))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/ask", "/search", "/documents"])
def test_a_malformed_body_is_told_what_is_wrong(server: Keyed, path: str, body: bytes) -> None:
    with server.running.client(server.write) as http:
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in ((400,) if path.startswith("/v1/") else (400, 422)), answer.text
    told = answer.json()
    assert told["error"]["message"] if path.startswith("/v1/") else told["detail"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=x", "a/b/c;;="]
)
def test_a_body_of_another_kind_is_refused(server: Keyed, kind: str) -> None:
    with server.running.client(server.write) as http:
        for path in ("/ask", "/v1/chat/completions", "/documents"):
            answer = http.post(path, content=b'{"question": "a"}', headers={"Content-Type": kind})
            assert answer.status_code in (400, 415, 422), (path, answer.text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ask", {"question": "长" * 2001}),
        ("/search", {"question": "长" * 2001}),
        ("/v1/chat/completions", {"model": "rag", "messages": [{"role": "user", "content": "长" * 2001}]}),
        ("/ask", {"question": "a", "history": [{"role": "user", "text": "b"}] * 11}),
        ("/ask", {"question": "a", "history": [{"role": "user", "text": "b" * 5001}]}),
        ("/v1/chat/completions", {"model": "rag", "messages": [{"role": "user", "content": "a"}] * 12}),
        ("/search", {"question": "a", "k": 0}),
        ("/search", {"question": "a", "k": 101}),
        ("/search", {"question": "a", "k": "many"}),
    ],
)
def test_what_is_too_long_or_out_of_range_is_refused(server: Keyed, path: str, body: dict) -> None:
    with server.running.client(server.read) as http:
        answer = http.post(path, json=body)
    assert answer.status_code == (400 if path.startswith("/v1/") else 422)
    assert "长长" not in answer.text


# --- text that would be more than text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question", [EVIL, "{{7*7}}", "{%import os%}", "'; DROP TABLE documents; --", "\x00\x1b[2J", "%s%n"]
)
def test_a_question_is_text(server: Keyed, question: str) -> None:
    with server.running.client(server.read) as http:
        for path, body in (
            ("/ask", {"question": question}),
            ("/v1/chat/completions", {"model": "rag", "messages": [{"role": "user", "content": question}]}),
        ):
            answer = http.post(path, json=body)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert http.post("/ask", json={"question": question}).json()["question"] == question.strip()


def test_a_document_and_its_title_are_text(server: Keyed) -> None:
    text = f"{EVIL}\n{EVIL}一共有三千个。</pre></main><script src=//evil.example></script>\n"
    with server.running.client(server.write) as http:
        (document,) = http.post("/documents", json={"name": "<b>x.txt", "text": text}).json()["documents"]
        page = http.get(f"/source/{document['id']}", params={"start": 0, "end": 5}).text
        assert "<script" not in page
        assert "<img" not in page
        assert page.count("</main>") == 1
        assert "<b>" not in page
        assert http.delete(f"/documents/{document['id']}").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        "X-Request-ID: a%0d%0aSet-Cookie: intruder=1",
        "X-Request-ID: <script>alert(1)</script>",
        "X-Request-ID: " + "a" * 5000,
        "Accept-Language: zh\x00",
        "X-Forwarded-Host: intruder.example",
        "X-Forwarded-Proto: javascript",
    ],
)
def test_a_header_is_not_passed_on(server: Keyed, head: str) -> None:
    body = json.dumps({"question": SALES}).encode()
    request = f"POST /search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.read}\r\n{head}\r\n"
    request += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    answer = server.running.send(request.encode() + body)
    assert answer.split(b" ", 2)[1] in (b"200", b"400")
    top, _, content = answer.partition(b"\r\n\r\n")
    assert b"intruder" not in answer
    assert b"<script" not in top
    assert content.count(b'"url":') == content.count(b'"url":"http')


@pytest.mark.parametrize("host", ["evil.example/x?", "a b", "<script>", "localhost:99999999", "", "@evil.example", "["])
def test_a_host_that_is_no_host_does_not_get_into_links(server: Keyed, host: str) -> None:
    body = json.dumps({"question": SALES}).encode()
    request = f"POST /search HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.read}\r\n"
    request += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    answer = server.running.send(request.encode() + body)
    assert answer.split(b" ", 2)[1] in (b"200", b"400")
    assert b'"url":"http://localhost:' in answer or b" 400 " in answer[:20]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"GET /documents HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\x00d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Long: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 1e9\r\n\r\n",
        b"POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST /ask HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda data: data[:30].decode("latin-1"),
)
def test_what_is_no_request_is_refused(server: Keyed, data: bytes) -> None:
    answer = server.running.send(data)
    assert answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"401", b"404", b"431"), answer[:100]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7", "", "["]
)
def test_without_keys_a_name_that_is_not_this_machines_is_refused(fake: Running, host: str) -> None:
    """What a page of a stranger's could reach by letting its own name lead to 127.0.0.1."""
    answer = fake.send(f"GET /documents HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert b" 400 " in answer[:20]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://", "x", "http://["])
def test_without_keys_a_page_of_another_site_cannot_upload(fake: Running, origin: str) -> None:
    with fake.client() as http:
        answer = http.post("/documents", files={"files": ("a.txt", NEW)}, headers={"Origin": origin})
        assert answer.status_code == 403
        own = http.post("/ask", json={"question": SALES}, headers={"Origin": fake.url})
        assert own.status_code == 200


# --- too much of it ----------------------------------------------------------------------------------------------


def test_more_requests_than_a_key_may_send_are_told_to_wait(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, requests_per_minute=5)
    keys = KeyFile(settings.key_file)
    busy, other = keys.add("busy", "read"), keys.add("other", "read")
    with serving(settings, FakeEmbedder()) as running:
        with running.client(busy) as http:
            answers = [http.get("/v1/models") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"
        assert int(answers[-1].headers["retry-after"]) > 0
        with running.client(other) as http:
            assert http.get("/v1/models").status_code == 200


def test_a_thousand_connections_at_once(server: Keyed) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip(f"this system allows {hard} open files, and both ends are here")
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.read}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def one(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.running.port)
        if number % 10 == 0:  # says nothing and stays
            await asyncio.sleep(2)
            writer.close()
            return 0
        writer.write(head.encode() + body)
        if number % 10 == 1:  # asks and goes away
            await writer.drain()
            writer.close()
            return 0
        status = int((await reader.readline()).split(b" ")[1])
        await reader.read()
        writer.close()
        return status

    async def all_() -> list[int]:
        return await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(1000))), 60)

    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    try:
        statuses = asyncio.run(all_())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(statuses) <= {0, 200, 503}
    assert statuses.count(200) >= 200
