#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""page_check.py FILE: whether a page of compare's is whole, and loads and runs nothing."""
import html.parser
import sys

VOID = {"meta", "link", "br", "path", "circle", "rect", "line", "polygon"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.bad, self.seen = [], [], {}

    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "srcset", "action"):
                self.bad.append(f"<{tag} {name}>")
            if name == "href" and value != "data:,":
                self.bad.append(f"<{tag} href={value}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(f"</{tag}> closes nothing")


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
bad = page.bad + [f"<{t}> is open" for t in page.open]
bad += [f"<{t}>" for t in ("script", "iframe", "object", "img") if t in page.seen]
bad += [w for w in ("@import", "url(", "nan", "inf\"") if w in text]
bad += [f"no {w}" for w in ("prefers-color-scheme:dark", "@media print", "default-src 'none'", "<polygon", "class=\"fit\"",
                            "class=\"interval\"") if w not in text]
print("\n".join(bad))
sys.exit(bool(bad))
