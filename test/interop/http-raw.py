#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What tether-client and tether-server serve over HTTP, asked for by a raw client that also breaks the rules: the
page's files, config.json, refusals with the right status, and the way into a WebSocket. RFC 9110 is HTTP's
meaning, RFC 9112 HTTP/1.1 on the wire, RFC 6455 the WebSocket protocol.

    test/interop/http-raw.py [CASE]

Needs root: it runs itself in a network namespace of its own, with an interface and a default route that lead
nowhere. CASE runs those whose name contains it.
"""

import base64
import hashlib
import json
import os
import re
import resource
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http_raw import ADDRESS, Answer, head, in_namespace, with_program
from ws_raw import ROOT, TEXT, BINARY, Cases, Failed, check, connect, open_client, request, short

HTML = os.path.join(ROOT, "html")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
         ".json": "application/json"}
SERVER_CONFIG = {"role": "server", "laptop": "169.254.134.89:6354", "websocket_ports": [8080, 80]}
POLICY = {"default-src": "'none'", "style-src": "'self'", "frame-ancestors": "'none'",
          "base-uri": "'none'", "form-action": "'none'"}
HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
           "cross-origin-resource-policy": "same-origin", "x-frame-options": "DENY"}
SECRET = "this file is outside the page's folder"


def read_file(name):
    """One of the page's files as programs have it (tools/embed.c): scripts and styles without comments, empty lines
    and indentation, the page without indentation outside its own script."""
    with open(os.path.join(HTML, name), "rb") as file:
        content = file.read()
    if name.endswith(".html"):
        parts = re.split(rb"(?ms)(^\t*<script>.*?</script>)", content)
        return b"".join(part if i % 2 else re.sub(rb"(?m)^\t+", b"", part) for i, part in enumerate(parts))
    if not name.endswith((".js", ".css")):
        return content
    first, rest = content.split(b"\n", 1)
    for stripped in (rb"(?ms)^\t*/\*.*?\*/\n", rb"(?m)^\t+", rb"(?m) +// .*$", rb"(?m)^\n"):
        rest = re.sub(stripped, b"", rest)
    rest = re.sub(rb" ?([{}]) ?", rb"\1", rest)
    rest = re.sub(rb"([{};,])\n" if name.endswith(".css") else rb"([{;,])\n", rb"\1", rest)
    return first + b"\n" + rest


def inline_script():
    """The source, for a policy, of the one script inside index.html."""
    script = read_file("index.html").split(b"<script>")[1].split(b"</script>")[0]
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


class Site:
    """The cases that hold for each listener that serves the page."""

    def __init__(self, port, config):
        self.port = port
        self.config = config

    def ask(self, data, *statuses, method="GET"):
        """One request on a connection of its own; its answer."""
        peer = connect(ADDRESS, self.port)
        try:
            try:
                peer.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass        # refused before the end of it
            answer = Answer(peer, head_only=method == "HEAD")
            return answer.expect(*statuses) if statuses else answer
        finally:
            peer.close()

    def get(self, target="/", *statuses, method="GET", **options):
        return self.ask(head(target, method=method, **options), *(statuses or (200,)), method=method)

    def files(self):
        for name in sorted(os.listdir(HTML)):
            answer = self.get("/" + name)
            wanted = TYPES[os.path.splitext(name)[1]]
            check(answer.type.split(";")[0] == wanted, f"{name} is {answer.type}, not {wanted}")
            check(not wanted.startswith("text/") or "charset=utf-8" in answer.type.lower(), f"{name} is {answer.type}")
            check(answer.body == read_file(name), f"{name} came changed: {short(answer.body)}")
            check(answer.fields.get("etag", "").startswith('"'), f"{name} has the ETag {answer.fields.get('etag')}")
        check(self.get("/").body == read_file("index.html"), "/ is not index.html")
        check(self.get("/?laptop=a&server=b").body == read_file("index.html"), "/?... is not index.html")

    def policies(self):
        etag = self.get("/relay.js").fields["etag"]
        kinds = [(200, head("/")), (200, head("/relay.js")), (200, head("/config.json")), (200, head("/status.json")),
                 (304, head("/relay.js", more=[f"If-None-Match: {etag}"])), (400, b"nonsense\r\n\r\n"),
                 (400, head(host=None)), (404, head("/no-such-file")), (405, head(method="DELETE")),
                 (431, head(more=["X-Long: " + "x" * 20000])), (501, head(more=["Transfer-Encoding: chunked"])),
                 (505, head(version="HTTP/2.0")), (101, request("/websocket")), (426, head("/websocket")),
                 (426, request("/websocket", ws_version="8")), (400, request("/websocket", key=None))]
        for status, data in kinds:
            fields = self.ask(data, status).fields
            what = f"{data[:40]!r}, {status}"
            policy = fields.get("content-security-policy", "")
            parts = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.split()}
            check(parts.get("script-src") == ["'self'", inline_script()],
                  f"{what} comes with the policy {policy!r}")
            for directive, value in POLICY.items():
                check(parts.get(directive) == [value], f"{what} comes with the policy {policy!r}")
            for name, value in HEADERS.items():
                check(fields.get(name) == value, f"{what} comes with {name} {fields.get(name)}")

    def connects(self, only):
        """Each file that runs says where it may connect to, also in a 304."""
        for host in ADDRESS + ":6354", "localhost":
            for name in "/", "/relay.js":
                answer = self.ask(head(name, host=host), 200)
                again = self.ask(head(name, host=host, more=["If-None-Match: " + answer.fields["etag"]]), 304)
                here = f"ws://{host} wss://{host} {only}" if "://" in only else only
                for fields in answer.fields, again.fields:
                    check(f"; connect-src 'self' {here};" in fields["content-security-policy"],
                          f"{name} has the policy {fields['content-security-policy']}")

    def config_json(self):
        answer = self.get("/config.json")
        check(answer.type.split(";")[0] == "application/json", f"it is {answer.type}")
        got = json.loads(answer.body)
        for key, value in self.config.items():
            check(key in got and got[key] == value, f"it says {got}, not {self.config}")

    def config_is_fresh(self):
        control = self.get("/config.json").fields.get("cache-control", "")
        check("no-store" in control or "no-cache" in control, f"Cache-Control is {control!r}")

    def status_json(self):
        answer = self.get("/status.json")
        check(isinstance(json.loads(answer.body), dict), f"it is {short(answer.body)}")

    def head_method(self):
        whole = self.get("/index.html")
        peer = connect(ADDRESS, self.port)
        peer.send(head("/index.html", method="HEAD") + head("/style.css"))
        answer = Answer(peer, head_only=True).expect(200)
        for field in "content-length", "content-type", "etag":
            check(answer.fields.get(field) == whole.fields.get(field), f"{field} is {answer.fields.get(field)}")
        check(Answer(peer).expect(200).body == read_file("style.css"), "a body came with the answer to HEAD")
        peer.close()

    def pipelined(self):
        peer = connect(ADDRESS, self.port)
        names = ["style.css", "relay.js", "index.html", "config.json", "favicon.svg"] * 4
        peer.send(b"".join(head("/" + name) for name in names))
        for i, name in enumerate(names):
            try:
                answer = Answer(peer).expect(200)
            except Failed as failure:
                raise Failed(f"answer {i + 1} of {len(names)}, {name}: {failure}") from None
            if name != "config.json":
                check(answer.body == read_file(name), f"{name} came changed or out of order")
        peer.close()

    def kept_or_closed(self):
        """After 404 the connection goes on, or the answer says that it does not."""
        peer = connect(ADDRESS, self.port)
        peer.send(head("/no-such-file"))
        answer = Answer(peer).expect(404)
        if "close" in answer.fields.get("connection", "").lower():
            peer.expect_end()
        else:
            peer.send(head("/style.css"))
            check(Answer(peer).expect(200).body == read_file("style.css"), "style.css came changed")
        peer.close()

    def kept_alive(self):
        peer = connect(ADDRESS, self.port)
        for _ in range(5):
            peer.send(head("/relay.js"))
            check(Answer(peer).expect(200).body == read_file("relay.js"), "relay.js came changed")
        peer.close()

    def closes(self, **options):
        peer = connect(ADDRESS, self.port)
        peer.send(head("/style.css", **options) + head("/index.html"))
        check(Answer(peer).expect(200).body == read_file("style.css"), "style.css came changed")
        peer.expect_end()

    def byte_by_byte(self):
        peer = connect(ADDRESS, self.port)
        peer.send_slowly(head("/style.css", more=["Accept: text/css"]))
        check(Answer(peer).expect(200).body == read_file("style.css"), "style.css came changed")
        peer.close()

    def not_modified(self):
        etag = self.get("/relay.js").fields["etag"]
        for value in etag, "*", f'"other", {etag}', f"W/{etag}":
            answer = self.get("/relay.js", 200, 304, more=[f"If-None-Match: {value}"])
            check(answer.status == 304, f"{value} brings {answer.status}")
            check(answer.fields.get("etag") == etag, f"304 for {value} has the ETag {answer.fields.get('etag')}")
        answer = self.get("/relay.js", 200, more=['If-None-Match: "other"'])
        check(answer.body == read_file("relay.js"), "relay.js came changed")
        peer = connect(ADDRESS, self.port)
        peer.send(head("/relay.js", more=[f"If-None-Match: {etag}"]) + head("/style.css"))
        Answer(peer).expect(304)
        check(Answer(peer).expect(200).body == read_file("style.css"), "304 came with a body")
        peer.close()

    def outside(self):
        for target in ["/../etc/passwd", "/../../../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                       "/..%2f..%2fetc%2fpasswd", "/..\\..\\etc\\passwd", "/./../secret", "/../secret",
                       "/%2e%2e/secret",
                       "/..", "/.", "/.hidden", "/index.html/", "/index.html%00.css", "/folder/", "/folder",
                       "/no-such-file", "/" + "n" * 1000]:
            answer = self.get(target, 400, 404)
            check(b"root:" not in answer.body and SECRET.encode() not in answer.body, f"{target} leads out")

    def absolute_form(self):
        check(self.get("http://localhost/style.css").body == read_file("style.css"), "style.css came changed")

    def bad_lines(self):
        for line in [b"GET", b"GET /", b"GET / HTTP/1.1 more", b"GET / HTTP/1.", b"GET / http/1.1", b"GET / XTTP/1.1",
                     b" / HTTP/1.1", b"GET  HTTP/1.1", b"\0\1\2\3", b"G\x80T / HTTP/1.1", b"GET index.html HTTP/1.1",
                     b"GET /\x01 HTTP/1.1"]:
            try:
                self.ask(line + b"\r\nHost: localhost\r\n\r\n", 400, 501)
            except Failed as failure:
                raise Failed(f"{line!r}: {failure}") from None

    def bad_fields(self):
        for field in ["No colon", ": no name", "Space : before the colon", "Nul: a\0b", "Bad name: x",
                      "Content-Length: x", "Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6"]:
            try:
                self.ask(head(more=[field]), 400)
            except Failed as failure:
                raise Failed(f"{field!r}: {failure}") from None

    def bodies(self):
        """A body is never taken for a request: either it is skipped, or the connection ends."""
        inner = head("/style.css")
        chunked = b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"
        for more, body in [([f"Content-Length: {len(inner)}"], inner), (["Transfer-Encoding: chunked"], chunked),
                           (["Transfer-Encoding: chunked", f"Content-Length: {len(inner)}"], chunked)]:
            peer = connect(ADDRESS, self.port)
            peer.send(head("/index.html", more=more) + body)
            Answer(peer).expect(200, 400, 411, 413, 501)
            peer.socket.settimeout(1)
            try:
                while peer.receive_more():
                    pass
            except Failed:
                pass        # the connection stays: fine, as long as nothing came
            check(not peer.buffer, f"{more}: the body was taken for a request: {short(peer.buffer)}")
            peer.close()

    def many(self, count):
        """Connections that send half a request, and one that is served all the same."""
        peers = []
        try:
            for _ in range(count):
                try:
                    peer = connect(ADDRESS, self.port)
                    peer.send(b"GET / HTTP/1.1\r\nHost:")
                    peers.append(peer)
                except OSError:
                    pass
            check(self.get("/style.css").body == read_file("style.css"), "style.css came changed")
        finally:
            for peer in peers:
                peer.close()
        check(self.get("/style.css").body == read_file("style.css"), "style.css came changed")

    def websocket(self, target):
        peer = open_client(ADDRESS, self.port, target)
        peer.frame(9, b"here")
        peer.expect_pong(b"here")
        peer.close()

    def no_websocket(self, statuses, **options):
        target = options.pop("target", "/websocket")
        answer = self.ask(request(target, **options), *statuses)
        if statuses == (426,):
            check("13" in answer.fields.get("sec-websocket-version", "").split(", "), "the version to use is not said")

    def run(self, case, name):
        def test(what, function, *arguments, **options):
            case(f"{name}: {what}", lambda: function(*arguments, **options))

        test("each file of the page comes whole and with its type", self.files)
        test("each kind of answer comes with policies that allow nothing from elsewhere", self.policies)
        test("config.json says what it should", self.config_json)
        test("config.json is not kept by caches", self.config_is_fresh)
        test("status.json is an object", self.status_json)
        test("HEAD gives the head alone (RFC 9110, 9.3.2)", self.head_method)
        test("pipelined requests are answered in order (RFC 9112, 9.3.2)", self.pipelined)
        test("a connection is kept for further requests (RFC 9112, 9.3)", self.kept_alive)
        test("after 404 it goes on, or the answer says that it ends (RFC 9112, 9.6)", self.kept_or_closed)
        test("'Connection: close' ends it (RFC 9112, 9.6)", self.closes, more=["Connection: close"])
        test("HTTP/1.0 ends it (RFC 9112, 9.3)", self.closes, version="HTTP/1.0")
        test("a request that comes byte by byte is understood", self.byte_by_byte)
        test("If-None-Match brings 304, without a body (RFC 9110, 13.1.2)", self.not_modified)
        test("no path leads out of the page", self.outside)
        test("the absolute form of a target is understood (RFC 9112, 3.2.2)", self.absolute_form)
        test("an empty line before a request is skipped (RFC 9112, 2.2)", self.ask, b"\r\n" + head(), 200)
        test("a bad request line brings 400 (RFC 9112, 3)", self.bad_lines)
        test("a bad header field brings 400 (RFC 9112, 5.1 and 6.3)", self.bad_fields)
        test("another version of HTTP brings 505 (RFC 9110, 15.6.6)", self.get, "/", 400, 505, version="HTTP/2.0")
        test("a missing Host brings 400 (RFC 9112, 3.2)", self.get, "/", 400, host=None)
        test("a second Host brings 400 (RFC 9112, 3.2)", self.get, "/", 400, more=["Host: other"])
        test("HTTP/1.0 needs no Host", self.get, "/", 200, host=None, version="HTTP/1.0")
        for method in "POST", "DELETE", "BREW":
            test(f"{method} brings 405 or 501 (RFC 9110, 9.1)", self.method, method)
        test("a browser's cookies of 7 KiB are no obstacle", self.cookies)
        test("a header field that is too long brings 431 (RFC 6585, 5)", self.get, "/", 431,
             more=["X-Long: " + "x" * 20000])
        test("too many header fields bring 431 (RFC 6585, 5)", self.get, "/", 431,
             more=[f"X-Many-{i}: x" for i in range(1000)])
        test("header fields without end bring 431 (RFC 6585, 5)", self.ask,
             b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Endless: x\r\n" * 100000, 431)
        test("a request line without end brings 414 or 431 (RFC 9110, 15.5.15)", self.ask, b"GET /" + b"x" * 1000000,
             414, 431)
        test("a TLS ClientHello ends the connection at once (RFC 8446, 5.1)", self.client_hello)
        test("a body is never taken for a request (RFC 9112, 11.2)", self.bodies)
        test("a thousand half requests keep nobody out", self.many, 1000)
        self.run_websockets(test)

    def client_hello(self):
        """Browsers that try https first wait for that; a request's time limit is 10 s."""
        for data in b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508):
            began = time.monotonic()
            peer = connect(ADDRESS, self.port)
            peer.send(data)
            peer.expect_end()
            peer.close()
            check(time.monotonic() - began < 8, "the connection is held")

    def cookies(self):
        """Cookies are the host's, whatever the port (RFC 6265, 8.5): its other services may have set many."""
        cookie = "Cookie: " + "; ".join(f"service-{i}=" + "c" * 300 for i in range(23))
        check(7000 < len(cookie) < 7500, f"the test's cookies have {len(cookie)} bytes")
        self.get("/style.css", 200, more=[cookie])
        peer = connect(ADDRESS, self.port)
        peer.send_slowly(head("/style.css", more=[cookie]))
        check(Answer(peer).expect(200).body == read_file("style.css"), "style.css came changed")
        peer.close()
        self.ask(request("/websocket", more=[cookie]), 101)

    def method(self, method):
        answer = self.get("/", 405, 501, method=method)
        check(answer.status != 405 or "GET" in answer.fields.get("allow", ""), "405 comes without Allow")

    def run_websockets(self, test):
        test("/websocket opens a WebSocket (RFC 6455, 4.2)", self.websocket, "/websocket")
        test("/websocket/ opens a WebSocket too", self.websocket, "/websocket/")
        test("a WebSocket of version 8 brings 426 and the version to use (RFC 6455, 4.4)", self.no_websocket, (426,),
             ws_version="8")
        test("a WebSocket without a key brings 400 (RFC 6455, 4.2.1)", self.no_websocket, (400,), key=None)
        test("a WebSocket without a Host brings 400 (RFC 6455, 4.2.1)", self.no_websocket, (400,), host=None)
        test("a WebSocket elsewhere is none", self.no_websocket, (200, 400, 404, 426), target="/style.css")
        test("a plain request for /websocket is told to upgrade", self.get, "/websocket", 400, 426)
        test("bytes that are no frames do not disturb the next WebSocket", self.nonsense)

    def nonsense(self):
        peer = open_client(ADDRESS, self.port, "/websocket")
        for opcode, payload in [(TEXT, b"not base64 !"), (TEXT, b""), (BINARY, b""), (BINARY, b"\x45"),
                                (BINARY, b"\x45\0\xff\xff" + b"x" * 16), (BINARY, b"\x60" + b"x" * 60),
                                (BINARY, b"\xff" * 3000), (TEXT, b"RQAAHAAAQABAAQ=="), (TEXT, b"=" * 64)]:
            peer.frame(opcode, payload)
        peer.frame(9, b"after")
        while True:
            fin, opcode, payload = peer.receive()
            if opcode == 10:
                break
        check(payload == b"after", f"the pong holds {short(payload)}")
        peer.close()
        self.websocket("/websocket")


def make_folder(parent):
    """A folder for --html: the page, and traps beside the page's files."""
    outer = tempfile.mkdtemp(dir=parent)
    folder = os.path.join(outer, "page")
    os.mkdir(folder)
    for name in os.listdir(HTML):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(read_file(name))
    with open(os.path.join(outer, "secret"), "w", encoding="ascii") as file:
        file.write(SECRET)
    with open(os.path.join(folder, ".hidden"), "w", encoding="ascii") as file:
        file.write(SECRET)
    os.mkdir(os.path.join(folder, "folder"))
    os.mkfifo(os.path.join(folder, "fifo.txt"))
    return folder


def folder_cases(case, name, site, folder):
    def may_stand_inside():
        """Scripts and styles may stand inside the folder's pages; else the policy is as it was."""
        policy = site.get("/").fields["content-security-policy"]
        for part in "default-src 'none'", "script-src 'self' 'unsafe-inline'", "style-src 'self' 'unsafe-inline'", \
                "connect-src 'self' ws: wss:":
            check(part in policy.split("; "), f"the policy is {policy}")
        other = site.get("/no-such-file", 404).fields["content-security-policy"]
        check("unsafe-inline" not in other, f"what is no file of the folder has the policy {other}")

    def changed():
        with open(os.path.join(folder, "style.css"), "wb") as file:
            file.write(b"/* changed */")
        check(site.get("/style.css").body == b"/* changed */", "the file's old content came")

    def large():
        data = os.urandom(3000000)
        with open(os.path.join(folder, "large.bin"), "wb") as file:
            file.write(data)
        check(site.get("/large.bin").body == data, "it came changed")

    case(f"{name}: each file of the folder comes whole and with its type", site.files)
    case(f"{name}: If-None-Match brings 304, without a body", site.not_modified)
    case(f"{name}: no path leads out of the folder", site.outside)
    case(f"{name}: a pipe in the folder is no file", lambda: site.get("/fifo.txt", 404))
    case(f"{name}: scripts and styles may stand inside the folder's pages", may_stand_inside)
    case(f"{name}: a large file comes whole", large)
    case(f"{name}: a file that changes comes changed", changed)


def front_cases(case, is_keyed=False):
    """A server whose front is at 127.0.0.1. Open mode tells laptops without an id apart by their phone's address."""
    site = Site(8080, {})

    def said_by(client):
        return [] if client is None else [f"X-Forwarded-For: {client}"]

    def closed():
        for client in None, "203.0.113.7", "127.0.0.1", "::1", "nonsense":
            site.get("/status.json", 403, more=said_by(client))
            site.get("/config.json", 200, more=said_by(client))

    def links():
        peer = connect("::1", 8080)
        peer.send(head("/status.json"))
        return json.loads(Answer(peer).expect(200).body)["links"]

    def counted():
        peers = []
        for client, wanted in [("203.0.113.7", 1), ("203.0.113.8", 2), ("1.1.1.1, 203.0.113.7", 2), ("2001:db8::7", 3),
                               (None, 4), ("unknown", 4), ("203.0.113.300", 4), ("203.0.113.7 x", 4), ("x" * 3000, 4),
                               ("203.0.113.8,", 4)]:
            peers.append(open_client(ADDRESS, 8080, "/websocket", more=said_by(client)))
            check(links() == wanted, f"with {client} there are {links()} laptops, not {wanted}")
        for peer in peers:
            peer.close()

    def bystanders():
        before = links()
        peers = [open_client("::1", 8080, "/websocket", more=said_by(client)) for client in ("203.0.113.7", "1.2.3.4")]
        check(links() == before + 1, f"{before} laptops became {links()}")
        for peer in peers:
            peer.close()

    def offers(client, count):
        """Offers that no key has made. How many more were heard, and not."""
        def heard():
            peer = connect("::1", 8080)
            peer.send(head("/status.json"))
            keyed = json.loads(Answer(peer).expect(200).body)["keyed"]
            return keyed["wrong_key"], keyed["rate_limited"]

        before = heard()
        peer = open_client(ADDRESS, 8080, "/websocket", more=said_by(client))
        peer.message()      # the server's greeting
        for _ in range(count):
            peer.frame(BINARY, b"\1" + os.urandom(73))
        peer.frame(9, b"after")
        while peer.receive()[1] != 10:
            pass
        peer.close()
        return [after - earlier for after, earlier in zip(heard(), before)]

    def limited():
        _, unheard = offers("203.0.113.7", 60)
        check(unheard > 0, "nobody is limited")
        for client in "203.0.113.8", "2001:db8::7", None:
            check(offers(client, 5) == [5, 0], f"{client} is limited by what another has done")

    if is_keyed:
        case("tether-server --front: a stranger behind it uses up no handshakes of others, nor its own", limited)
        return
    case("tether-server --front: what comes from the front gets no status.json, though it is loopback", closed)
    case("tether-server --front: the front's clients are told apart by its last word; without a good one it counts "
         "itself", counted)
    case("tether-server --front: nobody else's word is taken", bystanders)


def main():
    in_namespace()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cases = Cases(only=sys.argv[1] if len(sys.argv) > 1 else None)
    server = ["tether-server", "--open", "--listen", f"{ADDRESS}:8080", "--page", f"{ADDRESS}:80"]
    client = ["tether-client", "--open", "--listen", f"{ADDRESS}:6354", "--no-routes"]
    laptop = {"role": "laptop", "server": "203.0.113.10"}

    with_program(cases, client + ["--server", "203.0.113.10"], [6354], lambda case: (
        Site(6354, laptop).run(case, "tether-client"),
        case("tether-client: the page may connect to the laptop and to the server alone", Site(6354, laptop).connects,
             " ".join(f"ws://203.0.113.10:{port} wss://203.0.113.10:{port}" for port in (8080, 443, 80)))))
    with_program(cases, server, [8080, 80], lambda case: (
        Site(8080, SERVER_CONFIG).run(case, "tether-server, port 8080"),
        Site(80, SERVER_CONFIG).run(case, "tether-server, port 80")))

    with_program(cases, server + ["--listen", "[::1]:8080", "--front", ADDRESS], [8080], front_cases)
    with tempfile.TemporaryDirectory() as parent:
        keyed = ["tether-server", "--key-file", os.path.join(parent, "key"), "--front", ADDRESS,
                 "--listen", f"{ADDRESS}:8080", "--listen", "[::1]:8080"]
        with_program(cases, keyed, [8080], lambda case: front_cases(case, True))
    with_program(cases, server, [8080], lambda case: case(
        "tether-server: what says that it comes through a front gets no status.json", lambda: Site(8080, {}).get(
            "/status.json", 403, more=["X-Forwarded-For: 127.0.0.1"])))

    alone = Site(6354, {"role": "laptop", "server": None})
    ipv6 = Site(6354, {"role": "laptop", "server": "[2001:db8::1]:81"})
    with_program(cases, client, [6354], lambda case: (
        case("tether-client without --server: config.json says null", alone.config_json),
        case("tether-client without --server: the page may connect to any WebSocket", alone.connects, "ws: wss:")))
    front = Site(6354, {"role": "laptop", "server": "wss://tether.example:8443/a/websocket?b=c"})
    with_program(cases, client + ["--server", front.config["server"]], [6354], lambda case: (
        case("tether-client with a front: config.json has the whole address", front.config_json),
        case("tether-client with a front: the page may connect to its host and port", front.connects,
             "ws://tether.example:8443 wss://tether.example:8443")))
    with_program(cases, client + ["--server", "[2001:db8::1]:81"], [6354], lambda case: (
        case("tether-client with an IPv6 server: config.json has it in brackets", ipv6.config_json),
        case("tether-client with an IPv6 server: the page may connect to any at its port, as policies have no "
             "IPv6 addresses", ipv6.connects, "ws://*:81 wss://*:81")))
    with tempfile.TemporaryDirectory() as parent:
        for program, port, command in ("tether-client", 6354, client), ("tether-server", 8080, server):
            folder = make_folder(parent)
            with_program(cases, command + ["--html", folder], [port],
                         lambda case, name=program, site=Site(port, {}), folder=folder: folder_cases(
                             case, f"{name} --html", site, folder))
    cases.finish()


main()
