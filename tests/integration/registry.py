#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""registry.py LAYOUT: a registry that misbehaves on purpose, serving an OCI image layout.

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
The log of requests is LAYOUT/log.
"""
import base64
import http.server
import json
import os
import socketserver
import sys
import threading

LAYOUT = sys.argv[1]
seen = {}
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
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def error(self, status, code):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode())

    def content(self, digest):
        path = os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[-1])
        return open(path, "rb").read() if os.path.exists(path) else None

    def index(self):
        return json.load(open(os.path.join(LAYOUT, "index.json")))["manifests"]

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        auth = self.headers.get("Authorization", "")
        with lock, open(os.path.join(LAYOUT, "log"), "a") as log:
            log.write(f"{self.command} {self.headers['Host']} {self.path} auth={auth} range={self.headers.get('Range', '')}\n")
        here = "http://" + self.headers["Host"]
        secret = "Basic " + base64.b64encode(b"user:secret").decode()
        if self.path.startswith("/token"):
            if auth not in ("", secret):
                return self.error(401, "UNAUTHORIZED")
            return self.answer(200, json.dumps({"token": "t0ken"}).encode())
        if self.path.startswith("/store/"):
            return self.answer(200, self.content(self.path.rsplit("/", 1)[1])) if not auth else self.error(400, "CREDENTIAL_SEEN")
        parts = self.path.split("/")  # "", v2, kind, name, manifests, which
        if len(parts) < 5 or parts[1] != "v2":
            return self.error(404, "NOT_FOUND")
        kind, what, which = parts[2], parts[-2], parts[-1]
        if kind == "token" and auth != "Bearer t0ken":
            return self.answer(401, WWW_Authenticate=f'Bearer realm="{here}/token",service="test",scope="repository:{parts[2]}/{parts[3]}:pull"')
        if kind == "basic" and auth != secret:
            return self.answer(401, WWW_Authenticate='Basic realm="test"')
        if kind == "down":
            return self.error(500, "BROKEN")
        if kind == "busy" and first(self.path, 2):
            return self.error(503 if seen[self.path] == 1 else 429, "TOOMANYREQUESTS")
        if what == "tags":
            return self.answer(200, json.dumps({"tags": [m["annotations"]["org.opencontainers.image.ref.name"].rsplit(":", 1)[-1] for m in self.index()]}).encode())
        if what == "manifests":
            return self.manifest(which)
        self.blob(kind, which, here)

    def manifest(self, which):
        for m in self.index():
            name = m.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
            if which in (m["digest"], name.rsplit(":", 1)[-1]):
                return self.answer(200, self.content(m["digest"]), Content_Type=m["mediaType"], Docker_Content_Digest=m["digest"])
        body = self.content(which) if which.startswith("sha256:") else None
        if body is None:
            return self.error(404, "MANIFEST_UNKNOWN")
        self.answer(200, body, Content_Type=json.loads(body).get("mediaType", ""))

    def blob(self, kind, digest, here):
        body = self.content(digest)
        if body is None:
            return self.error(404, "BLOB_UNKNOWN")
        small = len(body) < 4096  # configs come whole
        if kind == "moved":
            port = self.headers["Host"].split(":")[1]
            return self.answer(307, Location=f"http://localhost:{port}/store/{digest}")
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


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
