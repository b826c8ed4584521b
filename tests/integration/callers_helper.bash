# SPDX-License-Identifier: Apache-2.0
# For the tests of cloison-oci under those who call it: Podman, dockerd, containerd, each with folders and
# sockets of its own below $WORK, so that the host's own, if any, is left alone. No network is needed: the one
# image is busybox.
#
#   setup_file()    { callers_setup podman || skip "…"; … }

bats_require_minimum_version 1.5.0
load ../integration/helper

callers_setup() { # callers_setup PROGRAM…
    [ "$(id -u)" = 0 ] || skip "needs root"
    local program build=${BUILD:-build}
    for program; do
        command -v "$program" >/dev/null || skip "needs $program"
    done
    case $build in /*) ;; *) build=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/$build ;; esac
    export OCI=$build/cloison-oci
    WORK=$(mktemp -d /var/tmp/cloison-callers-XXXXXX)
    export WORK TAG=${WORK##*-}
    export STATE=/run/cloison-callers-$TAG # the runtime's --root, and sockets: their paths must be short
    mkdir -p "$STATE"
    local root=$WORK/rootfs applet
    mkdir -p "$root"/bin "$root"/etc "$root"/root "$root"/tmp
    cp /usr/bin/busybox "$root/bin/busybox"
    for applet in $(/usr/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
    tar -C "$root" -cf "$WORK/rootfs.tar" .
}

# callers_podman CONTAINERS ENGINE: Podman with folders of its own and our runtime, the lines of these two
# sections added; the image is localhost/box:1.
callers_podman() {
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$WORK/graph" "$STATE/storage" \
        >"$WORK/storage.conf"
    printf '[containers]\n%s\n[engine]\n%s\nevents_logger = "file"\nruntime = "cloison"\ntmp_dir = "%s"\n[engine.runtimes]\ncloison = ["%s"]\n' \
        "$1" "$2" "$STATE/tmp" "$OCI" >"$WORK/containers.conf"
    export CONTAINERS_STORAGE_CONF=$WORK/storage.conf CONTAINERS_CONF=$WORK/containers.conf
    podman import -q "$WORK/rootfs.tar" localhost/box:1 >/dev/null
}

callers_podman_teardown() {
    [ -n "${WORK:-}" ] || return 0
    podman pod rm -fa >/dev/null
    podman rm -fa -t 0 >/dev/null
    find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true # empty ones
    callers_teardown
}

# Fails on what is left of this file outside its folders, and removes those.
callers_teardown() {
    [ -n "${WORK:-}" ] || return 0
    local left=0 pid
    for pid in $(grep -lazF "$STATE" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
        [ "$pid" = $$ ] || ! [ -e "/proc/$pid" ] || {
            echo "left: process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
            left=1
        }
    done
    if grep -F -e "$WORK" -e "$STATE" /proc/self/mountinfo; then
        echo "left: these mounts"
        left=1
    fi
    rmdir "$STATE"/oci/* 2>/dev/null # a namespace of containerd's
    if [ -n "$(ls "$STATE/oci" 2>/dev/null)" ]; then
        echo "left: containers of the runtime: $(ls "$STATE/oci")"
        left=1
    fi
    rm -rf --one-file-system "$WORK" "$STATE"
    # Folders of a fixed place, where the host has no containerd of its own.
    rmdir /run/containerd/runc/default /run/containerd/runc /run/containerd/fifo /run/containerd/s /run/containerd \
        2>/dev/null || true
    return $left
} >&2
