#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The page that `cloison compare --html` writes, as a browser shows it.

load ../integration/helper

setup_file() {
    command -v chromium >/dev/null || skip "no chromium"
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR"
    timeout --kill-after=5 100 "$CLOISON" compare --walls none,container --repeat 3 --probe-time 5ms \
        --html page.html busybox -- true >/dev/null
}
setup() { cd "$BATS_FILE_TMPDIR" || exit 1; }
teardown_file() { engine_teardown; }

# browser FLAG…: the page in a new profile, all that the browser says in browser.log.
browser() {
    rm -rf profile
    timeout --kill-after=5 100 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$PWD/profile" \
        --enable-logging=stderr --hide-scrollbars --window-size=1200,2400 "$@" "file://$PWD/page.html" 2>browser.log
}

@test "it renders, and the console is empty" {
    browser --dump-dom >dom.html
    grep -q '<h1>What each wall costs: busybox</h1>' dom.html
    [ "$(grep -o '<svg viewBox' dom.html | wc -l)" -ge 20 ]
    grep -q 'Your command: time' dom.html
    ! grep -i 'console' browser.log || false
}

@test "light and dark are different pictures of it" {
    browser --screenshot="$PWD/light.png"
    browser --screenshot="$PWD/dark.png" --blink-settings=preferredColorScheme=0
    [ -s light.png ]
    [ -s dark.png ]
    ! cmp -s light.png dark.png || false
}

@test "it prints" {
    browser --print-to-pdf="$PWD/page.pdf"
    [ "$(head -c 5 page.pdf)" = '%PDF-' ]
    [ "$(stat -c %s page.pdf)" -gt 20000 ]
}
