#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compose_load.py PORT ROOT.PEM STOP-FILE: eight clients over TLS, each on one connection, until the
file exists. Prints "GOOD BAD" and, on standard error, what the bad ones were."""
import http.client
import os
import ssl
import sys
import threading
import time

PORT, ROOT, STOP = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CONTEXT = ssl.create_default_context(cafile=ROOT)
counts = {"good": 0, "bad": 0}
lock = threading.Lock()


def client():
    connection = None
    while not os.path.exists(STOP):
        what = None
        try:
            connection = connection or http.client.HTTPSConnection("localhost", PORT, context=CONTEXT, timeout=30)
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            what = None if answer.status == 200 else answer.status
        except (OSError, http.client.HTTPException) as e:
            what, connection = repr(e), None
        with lock:
            counts["bad" if what else "good"] += 1
        if what:
            print(what, file=sys.stderr)
        time.sleep(0.01)


clients = [threading.Thread(target=client) for _ in range(8)]
for c in clients:
    c.start()
for c in clients:
    c.join()
print(counts["good"], counts["bad"])
