#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container's files from outside: cp, diff, export, commit; and an image's history.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    c=$(cloison create --network none busybox sh -c 'sleep 1000')
}
teardown() { cloison rm -f "$c" >/dev/null; }

inside() { cloison exec "$c" "$@"; }

# both TEST: once with the container stopped, once while it runs.
both() {
    "$1" || { echo "while it is stopped"; return 1; }
    rm -rf ./* && cloison rm "$c" >/dev/null && setup && cloison start "$c" >/dev/null && "$1" || { echo "while it runs"; return 1; }
}

copy_rules() {
    mkdir -p src/sub && echo one >src/f && ln -s f src/l && echo two >src/sub/g && echo x >file
    cloison cp -q file "$c:/tmp/" && cloison cp -q "$c:/tmp/file" out && [ "$(cat out)" = x ] || return 1
    cloison cp -q file "$c:/tmp/named" && cloison cp -q "$c:/tmp/named" . && [ "$(cat named)" = x ] || return 1
    run cloison cp file "$c:/nosuch/"
    [ "$status" -eq 1 ] && [[ $output == *"no folder"* ]] || return 1
    run cloison cp file "$c:/nosuch/file"
    [ "$status" -eq 1 ] || return 1
    # A folder to a name that is not there, into one that is, and its content alone.
    cloison cp -q src "$c:/new" && cloison cp -q "$c:/new" back && diff -r src back || return 1
    cloison cp -q src "$c:/new" && cloison cp -q "$c:/new/src" back2 && diff -r src back2 || return 1
    mkdir into && cloison cp -q "$c:/new/sub/." into && [ "$(ls into)" = g ] || return 1
    mkdir whole && cloison cp -q "$c:/new/sub" whole && [ "$(cat whole/sub/g)" = two ] || return 1
    cloison cp -q src/. "$c:/tmp" && cloison cp -q "$c:/tmp/sub/g" g && [ "$(cat g)" = two ] || return 1
    run cloison cp src "$c:/tmp/file"
    [ "$status" -eq 1 ] && [[ $output == *"over"* ]] || return 1
    run cloison cp "$c:/nosuch" .
    [ "$status" -eq 1 ] && [[ $output == *"there is no '$c:/nosuch'"* ]] || return 1
    # Links: as they are, or what they lead to.
    cloison cp -q "$c:/new/l" link && [ "$(readlink link)" = f ] || return 1
    cloison cp -q -L "$c:/new/l" followed && [ ! -L followed ] && [ "$(cat followed)" = one ] || return 1
}

@test "cp: Docker's rules on files, folders, '/' and '/.'" { both copy_rules; }

owners() {
    echo x >mine && chown 1234:2345 mine && chmod 640 mine && touch -d @1700000000 mine
    cloison cp -q mine "$c:/a" && cloison cp -q -a mine "$c:/b" || return 1
    cloison cp -q -a "$c:/a" a && cloison cp -q -a "$c:/b" b && cloison cp -q "$c:/b" mine2 || return 1
    [ "$(stat -c '%u:%g %a %Y' a)" = "0:0 640 1700000000" ] || return 1
    [ "$(stat -c '%u:%g %a %Y' b)" = "1234:2345 640 1700000000" ] || return 1
    [ "$(stat -c %u:%g mine2)" = 0:0 ]
}
hard_links() {
    mkdir -p t/d/sub t/e && echo one >t/d/a && ln t/d/a t/d/sub/b && ln t/d/a t/e/c && ln -s a t/d/l && ln t/d/l t/d/sub/m
    [ "$(stat -c %h t/d/l)" = 2 ] || return 1
    mkdir tarred
    cloison cp -q t/d "$c:/d" && cloison cp -q "$c:/d" back && cloison cp -q "$c:/d" - | tar -x -C tarred || return 1
    for at in back tarred/d; do
        diff -r --no-dereference t/d $at && [ "$(stat -c '%h %i' $at/a)" = "2 $(stat -c %i $at/sub/b)" ] || return 1
        [ "$(stat -c '%h %i' $at/l)" = "2 $(stat -c %i $at/sub/m)" ] || return 1 # GNU tar takes a link to a symlink, too
        [ "$(readlink $at/sub/m)" = a ] || return 1
    done
    tar -C t/d -c . | cloison cp - "$c:/tmp" && cloison cp -q "$c:/tmp/sub" again && cloison cp -q "$c:/tmp/l" again/ || return 1
    [ "$(readlink again/m) $(readlink again/l)" = "a a" ] || return 1
    # Over what is there: the old file's other names keep its content.
    mkdir over && echo old >over/a && ln over/a kept && cloison cp -q "$c:/d/." over || return 1
    [ "$(cat kept)" = old ]
    [ "$(stat -c %i over/a)" = "$(stat -c %i over/sub/b)" ]
}
@test "cp: names of one file stay names of one file" { both hard_links; }

@test "cp: owners, modes and times" { both owners; }

streams() {
    mkdir -p t/d && echo s >t/d/s && chown 5:6 t/d/s
    tar -C t -c . | cloison cp - "$c:/tmp" || return 1
    cloison cp "$c:/tmp/d" - >out.tar && [ "$(tar tf out.tar | sort | xargs)" = "d/ d/s" ] || return 1
    [ "$(tar tvf out.tar --numeric-owner d/s | cut -d' ' -f2)" = 5/6 ] || return 1
    run cloison cp - "$c:/etc/passwd" </dev/null
    [ "$status" -eq 1 ] && [[ $output == *"no folder"* ]] || return 1
    tar -C t -c d/s | gzip | cloison cp - "$c:/" && cloison cp -q "$c:/d/s" s && [ "$(cat s)" = s ]
}
@test "cp: tar streams both ways" { both streams; }

@test "cp: a link in the container leads nowhere but in the container" {
    mkdir victim && echo secret >victim/f
    cloison start "$c"
    inside sh -c "mkdir -p /in$PWD; ln -s $PWD/victim /door; ln -s ../../../../../../../$PWD/victim /door2; ln -s $PWD/victim/f /file"
    echo evil >evil
    run cloison cp evil "$c:/door/f"
    [ "$(cat victim/f)" = secret ]
    run cloison cp evil "$c:/door2/f"
    [ "$(cat victim/f)" = secret ]
    run cloison cp evil "$c:/file"
    [ "$(cat victim/f)" = secret ]
    run cloison cp -L "$c:/file" got
    [ "$status" -ne 0 ] || [ "$(cat got)" != secret ]
    printf '%s\n' 'x' >x && tar -cf x.tar --transform 's,^x,door/f,' x
    run cloison cp - "$c:/" <x.tar
    [ "$(cat victim/f)" = secret ]
}

@test "diff: added, changed, deleted, and folders that took another's place" {
    cloison start "$c"
    inside sh -c 'echo x >/new; rm /etc/group; echo y >>/etc/passwd; mkdir -p /a/b; rm -r /root; mkdir /root; ln -s x /a/l'
    run cloison diff "$c"
    echo "$output"
    [ "$(grep -v '^C /\(dev\|proc\|sys\|run\|etc\)$\|resolv\|hosts\|hostname\|^A /\(dev\|proc\|sys\)' <<<"$output" | sort | xargs)" = \
        "A /a A /a/b A /a/l A /new C /etc/passwd C /root D /etc/group" ]
}

@test "export: the root without what is mounted in it, importable" {
    cloison start "$c"
    inside sh -c 'echo hi >/f; ln /f /g; truncate -s 10M /hole'
    cloison export -o e.tar "$c"
    tar tf e.tar | grep -qx 'proc/' && ! tar tf e.tar | grep -q '^proc/.'
    [ "$(stat -c %s e.tar)" -lt 6000000 ]
    tar tvf e.tar g | grep -q 'link to f'
    id=$(cloison export "$c" | cloison import - flat)
    [ "$(cloison run --rm --network none flat /bin/cat /g)" = hi ]
    cloison stop -t 0 "$c"
    cloison export "$c" | tar tf - >list && grep -qx f list
    cloison rmi flat
}

@test "diff and commit: what every container is given is no change of its own" {
    mkdir bare && cp /bin/busybox bare/sh
    tar -C bare -c . | cloison import - bare:1
    cloison run --name bare --network none -e A=1 --expose 90 -v /vol bare:1 /sh -c 'echo x >/f; echo y >/etc/y'
    [ "$(cloison diff bare)" = $'A /etc\nA /etc/y\nA /f\nA /vol' ]
    [ "$(cloison inspect -f '{{.Config.Env}} {{.Config.ExposedPorts}} {{.Config.Volumes}}' bare)" = "[A=1] map[90/tcp:{}] map[/vol:{}]" ]
    cloison commit bare bare:2
    [ "$(cloison inspect -f '{{.Config.Env}}' bare:2)" = "[A=1]" ] # neither HOSTNAME nor HOME
    cloison rm -v bare
    cloison rmi bare:1 bare:2
}

@test "commit: what was written, and what it was run with" {
    d=$(cloison run -d --network none -e A=1 -w /tmp -u 0 -l k=v --name committed busybox sh -c 'rm /etc/group; echo x >/x; mkdir -p /dir/sub; rm -r /root; mkdir /root; echo new >/root/f; setfattr -n user.a -v b /x 2>/dev/null; sleep 1000')
    wait_for 5 cloison exec "$d" test -f /root/f
    id=$(cloison commit -a me -m words -c 'CMD ["cat", "/x"]' -c 'ENV B=2' committed made:1)
    [ "$(cloison ps --format '{{.State}}' --filter name=committed)" = running ]
    [ "$(cloison run --rm --network none made:1)" = x ]
    [ "$(cloison run --rm --network none made:1 sh -c 'echo $A $B; pwd; ls /etc/group /root 2>/dev/null | xargs')" = "1 2
/tmp
/root: f" ] || cloison run --rm --network none made:1 sh -c 'echo $A $B; pwd; ls -la /etc/group /root'
    [ "$(cloison inspect -f '{{.Config.Labels.k}} {{.Author}} {{.Comment}} {{len .RootFS.Layers}}' made:1)" = "v me words 2" ]
    [ "$(cloison history -q made:1 | xargs)" = "${id:7:12} <missing>" ]
    cloison save made:1 >s.tar && cloison rmi made:1 && cloison load -i s.tar
    [ "$(cloison images -q --no-trunc made)" = "$id" ]
    cloison system check --quick
    [ "$(cloison run --rm --network none made:1 sh -c 'ls /root')" = f ]
    cloison rm -f committed && cloison rmi made:1
}

@test "history: steps, sizes, and a template" {
    printf hello >f && tar -cf f.tar f && cloison import -m note f.tar h:1
    run cloison history h:1
    [[ ${lines[0]} =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
    [[ ${lines[1]} == *" 5B "*note* ]]
    [ "$(cloison history --human=false --format '{{.Size}} {{.Comment}}' h:1)" = "5 note" ]
    cloison rmi h:1
}
