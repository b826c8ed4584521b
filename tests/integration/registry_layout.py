#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""registry_layout.py LAYOUT: adds to an OCI image layout what registry.py serves in the tests: images
of one and two layers, Docker's types, an index of two platforms, an artefact, and much that is wrong."""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

root = sys.argv[1]


def blob(data):
    h = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{h}", "wb").write(data)
    return {"digest": "sha256:" + h, "size": len(data)}


def tar(**files):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for name, data in files.items():
            i = tarfile.TarInfo(name.replace("__", "/"))
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
    return b.getvalue()


OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."


def tar_of(*entries):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for e in entries:
            t.addfile(e)
    return b.getvalue()


def symlink(path, target):
    e = tarfile.TarInfo(path)
    e.type, e.linkname = tarfile.SYMTYPE, target
    return e


def image(arch, tars, docker=False, pack=gzip.compress, suffix=None, **more):
    layers = []
    for t in tars:
        z = pack(t)
        suffix = suffix if suffix is not None else ("+gzip" if not docker else ".gzip")
        layers.append(blob(z) | {"mediaType": (DOCKER + "image.rootfs.diff.tar" if docker else OCI + "layer.v1.tar") + suffix})
    config = blob(json.dumps({"architecture": arch, "os": "linux", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}).encode())
    m = {"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.v2+json" if docker else OCI + "manifest.v1+json",
         "config": config | {"mediaType": DOCKER + "container.image.v1+json" if docker else OCI + "config.v1+json"}, "layers": layers} | more
    return blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}


index = json.load(open(f"{root}/index.json"))


def name(d, tag):
    index["manifests"].append(d | {"annotations": {"org.opencontainers.image.ref.name": "x:" + tag}})


noise = os.urandom(300000)
base, top = tar(etc__base=b"base", noise=noise), tar(etc__top=b"top", more=os.urandom(200000))
name(image("amd64", [base, top]), "two")
name(image("amd64", [base, top], docker=True), "docker")
name(image("amd64", [base], pack=lambda t: t, suffix=""), "raw")
name(image("amd64", [tar(f=os.urandom(3000)) for _ in range(12)]), "many")
a, b = image("amd64", [tar(arch=b"amd64")]), image("arm64", [tar(arch=b"arm64")])
lst = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
    a | {"platform": {"os": "linux", "architecture": "amd64"}},
    b | {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}]}
name(blob(json.dumps(lst).encode()) | {"mediaType": lst["mediaType"]}, "multi")
name(blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
    "config": blob(b"{}") | {"mediaType": "application/vnd.cncf.helm.config.v1+json"}, "layers": []}).encode())
    | {"mediaType": OCI + "manifest.v1+json"}, "chart")
name(blob(json.dumps({"schemaVersion": 1, "name": "old", "fsLayers": []}).encode()) | {"mediaType": DOCKER + "distribution.manifest.v1+json"}, "old")
name(blob(b"not json") | {"mediaType": OCI + "manifest.v1+json"}, "noise")
wrong = image("amd64", [base])
m = json.load(open(f"{root}/blobs/sha256/{wrong['digest'][7:]}"))
c = json.load(open(f"{root}/blobs/sha256/{m['config']['digest'][7:]}"))
c["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
m["config"] |= blob(json.dumps(c).encode())
name(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}, "wrongdiff")
json.dump(index, open(f"{root}/index.json", "w"))

# Bad ones: an index that leads to an index, sizes that are not so, a bomb.
def index_of(*entries):
    text = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": list(entries)}
    return blob(json.dumps(text).encode()) | {"mediaType": text["mediaType"]}


amd64 = {"platform": {"os": "linux", "architecture": "amd64"}}
name(index_of(index_of(a | amd64) | amd64), "nested")
name(index_of(a | amd64 | {"size": a["size"] + 1}), "wrongsize")
name(index_of(a | amd64, b | amd64), "twice")
m = json.loads(open(f"{root}/blobs/sha256/{a['digest'][7:]}", "rb").read())
m["layers"][0]["size"] += 7
name(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}, "longlayer")
m["layers"][0]["size"] -= 14
name(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}, "shortlayer")
m["layers"][0]["size"] += 7
m["config"]["size"] += 1
name(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}, "longconfig")
name(image("amd64", [tar(zeros=bytes(64 << 20))]), "bomb")
name(image("amd64", [tar(small=b"small"), base]), "mixed")
# Links by an earlier layer, through which a later one would like to write: to the host, and to a link.
doors = tar_of(symlink("door", "/var/tmp"), symlink("door2", "door"),
               symlink("file", "/var/tmp/cloison-through-a-link"))
name(image("amd64", [doors, tar(**{d + "/cloison-through-a-link": b"x" for d in ("door", "door2")}, file=b"x")]), "doors")
json.dump(index, open(f"{root}/index.json", "w"))
