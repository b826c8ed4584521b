#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flags of run as the workload sees them, where a spec alone cannot tell that it came true.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

inside() { cloison run --rm --network none "$@"; }

@test "--ipc container: shares /dev/shm and the namespace, also after the other's restart" {
    cloison run -d --name shm --network none busybox sh -c 'echo flag >/dev/shm/f; exec sleep 60'
    wait_for 5 cloison exec shm test -s /dev/shm/f
    run inside --ipc container:shm busybox sh -c 'cat /dev/shm/f; echo back >/dev/shm/g; pwd'
    echo "$output"
    [ "$output" = $'flag\n/' ]
    run cloison exec shm cat /dev/shm/g
    [ "$output" = back ]
    cloison create --name guest --network none --ipc container:shm busybox cat /dev/shm/f
    cloison restart -t 0 shm
    wait_for 5 cloison exec shm test -s /dev/shm/f
    run cloison start -a guest
    [ "$output" = flag ]
    cloison rm -f shm guest
}

@test "--ipc container: a symlink that the other plants does not lead to the host" {
    cloison run -d --name trap --privileged --network none busybox \
        sh -c 'umount /dev/shm && rmdir /dev/shm && ln -s /etc /dev/shm && touch /ready; exec sleep 60'
    wait_for 5 cloison exec trap test -e /ready
    run inside --ipc container:trap busybox cat /dev/shm/shadow
    echo "$output"
    [[ $output != *root:* ]] || [ "$(cloison exec trap cat /etc/shadow)" = "$output" ]
    cloison rm -f trap
}

@test "--network container: shares name and files" {
    cloison run -d --name net --network none --hostname shared busybox sleep 60
    run cloison run --rm --network container:net busybox sh -c 'hostname; cat /etc/hostname; echo $HOSTNAME'
    echo "$output"
    [ "$output" = $'shared\nshared\nshared' ]
    cloison rm -f net
}

@test "--env: from the host, taken away, from a file, in Docker's order" {
    printf 'FILE=1\n# no\nTAG\nUNSET_HERE\n' >"$BATS_TEST_TMPDIR/env"
    FROM=host run inside -e FROM -e NOT_SET -e A=b --env-file "$BATS_TEST_TMPDIR/env" busybox env
    echo "$output"
    [[ $output == *$'\nFROM=host'* && $output == *$'\nA=b'* && $output == *$'\nFILE=1'* ]]
    [[ $output == *$'\n'"TAG=$TAG"* && $output != *NOT_SET* && $output != *UNSET_HERE* ]]
}

@test "--tmpfs and --mount type=tmpfs: options in, size bites" {
    run inside --tmpfs /t:exec,size=64k,mode=700 busybox sh -c 'grep " /t " /proc/mounts
        stat -c %a /t; dd if=/dev/zero of=/t/f bs=1k count=100 2>/dev/null || echo full'
    echo "$output"
    [[ ${lines[0]} == *size=64k* && ${lines[0]} != *noexec* && ${lines[0]} == *nosuid* ]]
    [ "${lines[1]}" = 700 ]
    [ "${lines[2]}" = full ]
    run inside --mount type=tmpfs,dst=/m,tmpfs-size=1m busybox df /m
    [[ $output == *1024* ]]
}

@test "--volume: made when missing, read-only, named volumes keep and are filled" {
    local dir=$BATS_TEST_TMPDIR/made/here
    inside -v "$dir:/x" busybox touch /x/f
    [ -e "$dir/f" ]
    run inside -v "$dir:/x:ro" busybox touch /x/g
    [ "$status" -ne 0 ]
    inside -v keep:/etc busybox sh -c 'test -e /etc/group && echo kept >/etc/kept'
    run inside -v keep:/else busybox cat /else/kept
    [ "$output" = kept ]
    cd "$BATS_TEST_TMPDIR" && run inside -v ./made:/rel busybox ls /rel
    [ "$output" = here ]
}

@test "--ulimit, --oom-score-adj, --sysctl, --shm-size, --workdir" {
    run inside --ulimit nofile=100:200 --oom-score-adj 500 --sysctl net.ipv4.ip_forward=1 \
        --shm-size 1m --workdir /a/b busybox sh -c 'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj
        cat /proc/sys/net/ipv4/ip_forward; df /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; pwd'
    echo "$output"
    [ "$output" = $'100\n200\n500\n1\n1024\n/a/b' ]
}

@test "--entrypoint replaces, '' resets; the image's own command needs none" {
    run inside --entrypoint echo busybox hello
    [ "$output" = hello ]
    run inside --entrypoint '' busybox echo hi
    [ "$output" = hi ]
    run --separate-stderr inside --entrypoint '' busybox
    [ "$status" -eq 125 ]
    [[ $stderr == "cloison: no command specified: 'busybox' has none of its own"* ]]
}

@test "--security-opt seccomp: a profile of the user's, Docker's form" {
    printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":12}]}' \
        >"$BATS_TEST_TMPDIR/p.json"
    run inside --security-opt "seccomp=$BATS_TEST_TMPDIR/p.json" busybox mkdir /q
    echo "$output"
    [[ $output == *'ut of memory'* || $output == *'annot allocate memory'* ]]
    printf '{"defaultAction":"SCMP_ACT_ALOW"}' >"$BATS_TEST_TMPDIR/p.json"
    run --separate-stderr inside --security-opt "seccomp=$BATS_TEST_TMPDIR/p.json" busybox true
    echo "$stderr"
    [ "$status" -eq 125 ]
    [[ $stderr == *SCMP_ACT_ALOW* ]]
}

@test "explain --stage spec: a config.json that another runtime takes" {
    command -v runc >/dev/null || skip "no runc"
    local bundle=$BATS_TEST_TMPDIR/bundle
    mkdir -p "$bundle/rootfs/bin" && cp /bin/busybox "$bundle/rootfs/bin/"
    cloison explain run --stage spec --network none --ulimit core=0:-1 --entrypoint /bin/busybox \
        busybox true >"$bundle/config.json"
    jq -e '.process.rlimits[0].hard >= 18446744073709551000 and .linux.seccomp != null' "$bundle/config.json"
    # What must exist on this host to be mounted, and cgroups, are not what is compared here.
    jq 'del(.mounts[] | select(.type == "bind" or .type == "cgroup")) | del(.process.rlimits)
        | .linux.resources = {} | .linux.cgroupsPath = "/cloison-test-\($ENV.TAG)" | .root.path = "rootfs"' "$bundle/config.json" >"$bundle/c" &&
        mv "$bundle/c" "$bundle/config.json"
    run runc --root "$BATS_TEST_TMPDIR/runc" run -b "$bundle" "spec-$TAG"
    echo "$output"
    [ "$status" -eq 0 ]
}
