#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""registry.py LAYOUT [identity]: a registry that misbehaves on purpose, serving an OCI image layout.

Writes its port on standard output. The repository's name says how it behaves:
    plain/…      as it should
    token/…      asks for a token first; only user:secret (or nobody) gets one
    basic/…      asks for a login; user:secret
    moved/…      redirects blobs to another address, which must see no Authorization
    cut/…        breaks each blob's connection half way, the first time
    deaf/…       the same, and does not understand ranges
    busy/…       answers 503, then 429, then well
    down/…       answers 500 for ever
    lies/…       gives other bytes than the digest says
    short/…      always breaks the connection, at the same place
    big/…        gives more bytes than the manifest says
    hang/…       never ends a blob
    wait/…       answers 429 once, with Retry-After: 1
    later/…      the same for ever, with Retry-After: 3600
    pages/…      gives its tags two at a time
    twin/…       has two manifests of one digest
    huge/…       has a manifest without an end
    expire/…     asks for tokens, each good for six requests
    identity/…   asks for tokens; a login gives an identity token, which alone is taken afterwards
    upcut/…      breaks the first upload half way, and knows how far it came
    upsmall/…    takes no request of more than 256 KiB
    nomount/…    denies mounts from elsewhere
Everything may be pushed to. Asked as a proxy it serves what it is asked for, and logs the host.
The log of requests is LAYOUT/log.
"""
import base64
import hashlib
import http.server
import json
import os
import socket
import socketserver
import sys
import threading
import time

LAYOUT = sys.argv[1]
IDENTITY = "identity" in sys.argv[2:]  # logins go by identity tokens
SECRET = "Basic " + base64.b64encode(b"user:secret").decode()
seen = {}
uploads = {}  # number: bytes
tags = {}  # "kind/name": {tag: digest}
kept = {}  # digest: bytes, of what was pushed
have = {}  # "kind/name": digests pushed or mounted
lock = threading.Lock()


def first(key, times=1):
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key] <= times


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", cut=None, **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def error(self, status, code):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode())

    def content(self, digest):
        if digest in kept:
            return kept[digest]
        path = os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[-1])
        return open(path, "rb").read() if os.path.exists(path) else None

    def index(self):
        return json.load(open(os.path.join(LAYOUT, "index.json")))["manifests"]

    def do_POST(self):
        self.do_GET()

    do_HEAD = do_PUT = do_PATCH = do_POST

    def do_GET(self):
        if self.path.startswith("http://"):  # we are the proxy
            self.path = "/" + self.path.split("/", 3)[3]
        auth = self.headers.get("Authorization", "")
        with lock, open(os.path.join(LAYOUT, "log"), "a") as log:
            log.write(f"{self.command} {self.headers['Host']} {self.path} auth={auth} range={self.headers.get('Range', '')}"
                      f" content-range={self.headers.get('Content-Range', '')} length={self.headers.get('Content-Length', '')}\n")
        self.at = "http://" + self.headers["Host"]
        if self.path.startswith("/token"):
            return self.token(auth)
        if self.path.startswith("/store/"):
            return self.answer(200, self.content(self.path.rsplit("/", 1)[1])) if not auth else self.error(400, "CREDENTIAL_SEEN")
        if self.path == "/v2/":
            return self.answer(200) if auth == SECRET or auth.startswith("Bearer t0ken") else self.challenge("identity" if IDENTITY else "basic", "")
        path, _, query = self.path.partition("?")
        parts = path.split("/")  # "", v2, kind, name, manifests, which
        if len(parts) < 5 or parts[1] != "v2":
            return self.error(404, "NOT_FOUND")
        kind, name, what, which = parts[2], "/".join(parts[2:4]), parts[4], parts[-1]
        if not self.allowed(kind, auth):
            return self.challenge(kind, name)
        if kind == "down":
            return self.error(500, "BROKEN")
        if kind == "busy" and first(self.path, 2):
            return self.error(503 if seen[self.path] == 1 else 429, "TOOMANYREQUESTS")
        if kind == "later" or (kind == "wait" and first(self.path)):
            return self.answer(429, Retry_After="1" if kind == "wait" else "3600")
        if what == "tags":
            return self.tags(kind, path, query)
        if what == "manifests" and self.command == "PUT":
            return self.put_manifest(name, which)
        if what == "manifests":
            return self.manifest(kind, name, which)
        if self.command in ("GET", "HEAD") and "uploads" not in parts:
            return self.blob(kind, name, which)
        self.upload(kind, name, which, query)

    def token(self, auth):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if form:
            with lock, open(os.path.join(LAYOUT, "log"), "a") as log:
                log.write(f"FORM {form}\n")
            if "refresh_token=1dentity" not in form:
                return self.error(401, "UNAUTHORIZED")
        elif auth not in ("", SECRET):
            return self.error(401, "UNAUTHORIZED")
        with lock:
            seen["tokens"] = seen.get("tokens", 0) + 1
            answer = {"access_token" if form else "token": f"t0ken{seen['tokens']}", "expires_in": 300}
        if "offline_token=true" in self.path and auth == SECRET and IDENTITY:
            answer["refresh_token"] = "1dentity"
        self.answer(200, json.dumps(answer).encode())

    def challenge(self, kind, name):
        self.close_connection = self.command in ("PUT", "PATCH")  # what is sent along is not read
        if kind == "basic":
            return self.answer(401, WWW_Authenticate='Basic realm="test"')
        wants = "pull,push" if self.command in ("POST", "PUT", "PATCH") else "pull"
        scope = f',scope="repository:{name}:{wants}"' if name else ""
        self.answer(401, WWW_Authenticate=f'Bearer realm="{self.at}/token",service="test"{scope}')

    def allowed(self, kind, auth):
        if kind == "basic":
            return auth == SECRET
        if kind == "expire":
            with lock:
                seen[auth] = seen.get(auth, 0) + 1
                return auth.startswith("Bearer t0ken") and seen[auth] <= 6
        return kind not in ("token", "identity") or auth.startswith("Bearer t0ken")

    def tags(self, kind, path, query):
        names = [m["annotations"]["org.opencontainers.image.ref.name"].rsplit(":", 1)[-1] for m in self.index()]
        if kind != "pages":
            return self.answer(200, json.dumps({"tags": names}).encode())
        last = query.partition("last=")[2]
        names = names[names.index(last) + 1:] if last else names
        link = {"Link": f'<{path}?n=2&last={names[1]}>; rel="next"'} if len(names) > 2 else {}
        self.answer(200, json.dumps({"tags": names[:2]}).encode(), **link)

    def put_manifest(self, name, which):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        parsed = json.loads(body)
        needs = [parsed["config"], *parsed["layers"]] if "layers" in parsed else parsed["manifests"]
        if any(d["digest"] not in have.get(name, ()) for d in needs):
            return self.error(400, "MANIFEST_BLOB_UNKNOWN")
        with lock:
            kept[digest] = body
            have.setdefault(name, set()).add(digest)
            tags.setdefault(name, {})[which] = digest
        self.answer(201, Location="/", Docker_Content_Digest=digest)

    def manifest(self, kind, name, which):
        if kind == "huge":
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            self.end_headers()
            while True:  # until nobody listens
                self.wfile.write(b"[" * 65536)
        pushed = tags.get(name, {}).get(which, which if which in have.get(name, ()) else None)
        if pushed:
            body = kept[pushed]
            return self.answer(200, body, Content_Type=json.loads(body).get("mediaType", ""), Docker_Content_Digest=pushed)
        for m in self.index():
            ref = m.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
            if which in (m["digest"], ref.rsplit(":", 1)[-1]):
                body = self.content(m["digest"])
                if kind == "twin":
                    body += b" "
                return self.answer(200, body, Content_Type=m["mediaType"], Docker_Content_Digest=m["digest"])
        body = self.content(which) if which.startswith("sha256:") else None
        if body is None:
            return self.error(404, "MANIFEST_UNKNOWN")
        self.answer(200, body, Content_Type=json.loads(body).get("mediaType", ""))

    def blob(self, kind, name, digest):
        pushing = kind in ("plain", "upcut", "upsmall", "nomount", "expire", "mount") and self.command == "HEAD"
        body = self.content(digest) if not pushing or digest in have.get(name, ()) else None
        if body is None:
            return self.error(404, "BLOB_UNKNOWN")
        small = len(body) < 4096  # configs come whole
        if kind == "moved":
            port = self.headers["Host"].split(":")[1]
            return self.answer(307, Location=f"http://localhost:{port}/store/{digest}")
        if kind == "hang" and not small:
            self.answer(200, body, cut=len(body) // 2)
            time.sleep(600)
        if kind in ("cut", "deaf", "short") and not small:
            start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0]) if kind != "deaf" else 0
            half = len(body) // 2 if not start and (kind == "short" or first(self.path)) else None
            half = 0 if kind == "short" and start else half
            return self.answer(206 if start else 200, body[start:], cut=half)
        if kind == "lies" and not small:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if kind == "big" and not small:
            body += b"more"
        self.answer(200, body)

    def upload(self, kind, name, which, query):
        length = int(self.headers.get("Content-Length", 0))
        if self.command == "POST":
            digest, _, other = query.partition("mount=")[2].partition("&from=")
            if digest and kind == "nomount":
                return self.error(403, "DENIED")
            if digest and kind == "plain" and digest in have.get(other, ()):
                have.setdefault(name, set()).add(digest)
                return self.answer(201, Location="/", Docker_Content_Digest=digest)
            with lock:
                number = str(len(uploads))
                uploads[number] = b""
            return self.answer(202, Location=f"/v2/{name}/blobs/uploads/{number}?state=a")
        here = f"/v2/{name}/blobs/uploads/{which}?state=b"
        if self.command == "GET":
            return self.answer(204, Location=here, Range=f"0-{max(0, len(uploads[which]) - 1)}")
        if kind == "upsmall" and length > 262144:
            self.close_connection = True
            return self.error(413, "TOO_LARGE")
        wanted = self.headers.get("Content-Range")
        if wanted and int(wanted.split("-")[0]) != len(uploads[which]):
            self.close_connection = True
            return self.error(416, "RANGE")
        if kind == "upcut" and length > 65536 and first(name + which):
            uploads[which] += self.rfile.read(length // 2)
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        uploads[which] += self.rfile.read(length)
        if self.command == "PATCH":
            return self.answer(202, Location=here, Range=f"0-{len(uploads[which]) - 1}")
        digest = query.partition("digest=")[2]
        if "sha256:" + hashlib.sha256(uploads[which]).hexdigest() != digest:
            return self.error(400, "DIGEST_INVALID")
        with lock:
            kept[digest] = uploads[which]
            have.setdefault(name, set()).add(digest)
        self.answer(201, Location="/", Docker_Content_Digest=digest)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # that they go in the middle is the point


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
