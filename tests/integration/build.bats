#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build`: instructions and flags, the cache, outputs, mistakes.
load helper

setup_file() { engine_setup busybox; }
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    fresh_context
}

build() { cloison build "$@"; }
in_image() { cloison run --rm --network none "$@"; }
id_of() { cloison inspect --type image --format '{{.Id}}' "$1"; }

@test "the course's Dockerfile: built, run, and built again from the cache alone" {
    printf 'FROM busybox\nWORKDIR /app\n# a comment\nRUN echo "made here" >out\nCMD ["sh","-c","echo Hello World"]\n' >Dockerfile
    build -t myimage .
    [ "$(in_image myimage)" = "Hello World" ]
    [ "$(in_image myimage cat /app/out)" = "made here" ]
    local before after
    before=$(id_of myimage)
    run build -t myimage .
    [ "$status" -eq 0 ]
    [ "$(grep -c CACHED <<<"$output")" = 2 ]
    after=$(id_of myimage)
    [ "$before" = "$after" ]
    [ "$(cloison history --format '{{.CreatedBy}}' --no-trunc myimage | head -1)" = 'CMD ["sh" "-c" "echo Hello World"]' ]
}

@test "stages, mounts, here-documents, copies of every kind" {
    mkdir -p src/sub extra
    echo one >src/1.txt && echo two >src/sub/2.txt && ln -s ../etc/passwd src/link
    echo '*.md' >.dockerignore && echo x >README.md && echo e >extra/e
    tar czf a.tgz -C src .
    echo -n "hu$((900 + 99))sh" >../secret
    cat >Dockerfile <<'END'
# syntax=docker/dockerfile:1
ARG BASE=busybox
FROM ${BASE} AS first
ARG WHO=nobody
ENV P=/usr/lib/x.tar.gz
RUN echo "$WHO ${P##*/}" > /who
RUN --mount=type=cache,target=/c echo run >> /c/log && cp /c/log /log
RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=SEC test "$(cat /run/secrets/s)" = "$SEC" && test ${#SEC} = 7
RUN --mount=type=tmpfs,target=/t,size=1m df -k /t | grep -q 1024 && touch /t/x
RUN --network=none test "$(ls /sys/class/net)" = lo
RUN <<EOT
set -e
echo from heredoc > /h
EOT
RUN <<EOT
#!/bin/sh
echo script > /script
EOT
RUN cat <<A > /aa && cat <<B > /bb
text a
A
text b
B
FROM busybox AS unused
RUN false
FROM scratch AS files
COPY src/ /f/
COPY --from=first /who /h /script /aa /bb /log /got/
COPY --chmod=0600 --chown=5:6 src/*.txt /mode/
ADD a.tgz /unpacked/
COPY <<X <<"Y" /docs/
value ${NOPE:-dflt}
X
raw $BASE
Y
COPY --parents ./src/./sub/2.txt /par/
COPY --exclude=*.txt src /ex/
COPY --link src/1.txt /linked
FROM busybox
RUN --mount=type=bind,from=files,target=/m --mount=type=bind,target=/ctx cat /m/got/who > /w && test ! -e /ctx/README.md && ! touch /m/x && ! touch /ctx/x
RUN --mount=type=bind,target=/ctx,rw touch /ctx/new
COPY --from=files / /all
COPY --from=ext e /ext
COPY --from=docker.io/library/busybox /bin/busybox /copied
LABEL a=b c="d e"
EXPOSE 80 443/udp
VOLUME /data
USER 1000:1000
HEALTHCHECK --interval=5s CMD true
STOPSIGNAL SIGINT
SHELL ["/bin/sh","-ec"]
ENTRYPOINT ["/bin/sh","-c"]
CMD ["id -u; cat /w; cd /all; find . ! -type d | sort; stat -c '%a %u %g' mode/1.txt; cat docs/X docs/Y got/aa got/log; readlink f/link"]
END
    build -t multi --secret id=s,src=../secret --build-arg WHO=me --build-context ext=extra .
    run in_image multi
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "1000
me x.tar.gz
./docs/X
./docs/Y
./ex/link
./ex/sub/2.txt
./f/1.txt
./f/link
./f/sub/2.txt
./got/aa
./got/bb
./got/h
./got/log
./got/script
./got/who
./linked
./mode/1.txt
./par/sub/2.txt
./unpacked/1.txt
./unpacked/link
./unpacked/sub/2.txt
600 5 6
value dflt
raw \$BASE
text a
run
../etc/passwd" ]
    [ ! -e new ]
    [ "$(cloison inspect --type image --format '{{.Config.Labels.c}} {{.Config.User}} {{.Config.StopSignal}}' multi)" = "d e 1000:1000 SIGINT" ]
    # The mount points of --mount are no part of the image; nor is the secret of anything.
    run in_image --entrypoint ls multi /run/secrets /ctx /m
    [ "$status" -ne 0 ]
    ! grep -rqa hu999sh "$CLOISON_DATA_ROOT" || false
}

@test "the cache is by content: times do not matter, a changed file rebuilds what reads it" {
    echo 1 >a && echo 1 >b
    printf 'FROM busybox\nCOPY a /a\nRUN echo x >/x\nCOPY b /b\nRUN cat /b >/c\n' >Dockerfile
    build -q -t cached . >first
    touch -d 2001-01-01 a b
    build -q -t cached . >second
    cmp first second
    echo 2 >b
    run build -t cached .
    [ "$(grep -c CACHED <<<"$output")" = 2 ]
    [ "$(in_image cached cat /c)" = 2 ]
    chmod 700 a
    run build -t cached .
    [ "$(grep -c CACHED <<<"$output")" = 0 ]
    run build --no-cache -t cached .
    [ "$(grep -c CACHED <<<"$output")" = 0 ]
    echo 1 >b && chmod 644 a
    build -q -t cached . >third
    cmp first third
}

@test "ARG: global, predefined, of the stage; ENV is before it; what is not set" {
    cat >Dockerfile <<'END'
ARG A=global
FROM busybox
ARG A
ARG B=$A-b
ARG TARGETARCH
ARG TARGETPLATFORM
ENV B2=${B}2
ARG C=c
ENV C=env
RUN echo "$A $B $B2 $C [$NONE] $TARGETPLATFORM" >/out && test "linux/$TARGETARCH" = "$TARGETPLATFORM"
RUN test -z "$HTTP_PROXY" || echo proxy >/proxy
END
    build -t args .
    in_image args cat /out | grep -q '^global global-b global-b2 env \[\] linux/'
    run build -t args --build-arg A=x --build-arg HTTP_PROXY=http://p --build-arg STRAY=1 .
    [[ $output == *"no ARG asks for --build-arg 'STRAY'"* ]]
    in_image args cat /out /proxy | grep -q '^x x-b x-b2 env'
    ! cloison history --no-trunc args | grep -q http://p || false
}

@test "ONBUILD is done where the image is the base, once" {
    printf 'FROM busybox\nONBUILD RUN echo child >/child\nRUN test ! -e /child\n' >Dockerfile
    build -q -t parent . && printf 'FROM parent\nRUN cat /child >/seen\n' >Dockerfile && build -q -t child .
    [ "$(in_image child cat /seen)" = child ]
    printf 'FROM child\nRUN test -e /child\n' >Dockerfile && build -q -t grandchild .
}

@test "contexts: an archive, standard input, a Dockerfile alone" {
    echo hi >f && printf 'FROM busybox\nCOPY f /f\n' >Dockerfile
    tar cf ../ctx.tar . && build -q -t t1 ../ctx.tar && gzip -c ../ctx.tar | build -q -t t2 -
    [ "$(in_image t1 cat /f)$(in_image t2 cat /f)" = hihi ]
    printf 'FROM busybox\nRUN echo alone >/f\n' | build -q -t t3 -
    [ "$(in_image t3 cat /f)" = alone ]
    printf 'FROM busybox\nCOPY f /g\n' | build -q -t t4 -f - .
    [ "$(in_image t4 cat /g)" = hi ]
    run build -t t5 - </dev/null
    [ "$status" -eq 1 ]
    printf 'FROM busybox\nCOPY f /h\n' >other && tar cJf ../ctx.tar.xz f other && build -q -t t6 -f other - <../ctx.tar.xz
    [ "$(in_image t6 cat /h)" = hi ]
}

@test "contexts and archives from a web server, in a folder of no git server's too" {
    local web
    web=$(free_port)
    mkdir web && echo hi >f && printf 'FROM busybox\nCOPY f /f\n' >Dockerfile && tar czf web/ctx.tgz f Dockerfile
    printf 'FROM busybox\nRUN echo alone >/f\n' >web/Dockerfile.web
    git init -q -b main repo && cp f Dockerfile repo && git -C repo add . && git -C repo -c user.name=x -c user.email=x@x commit -qm x
    git clone -q --bare repo web/repo.git && git -C web/repo.git update-server-info
    python3 -m http.server "$web" --directory web --bind 127.0.0.1 >/dev/null 2>&1 3>&- &
    echo $! >>../pids
    wait_for 10 curl -fsS -o /dev/null "http://127.0.0.1:$web/ctx.tgz"
    build -q -t w1 "http://127.0.0.1:$web/ctx.tgz"
    [ "$(in_image w1 cat /f)" = hi ]
    build -q -t w2 "http://127.0.0.1:$web/Dockerfile.web"
    [ "$(in_image w2 cat /f)" = alone ]
    build -q -t w3 "http://127.0.0.1:$web/repo.git"
    [ "$(in_image w3 cat /f)" = hi ]
    run build "http://127.0.0.1:$web/none"
    [ "$status" -eq 1 ]
    one_line
    cat >Dockerfile <<END
FROM busybox
ADD --unpack=false web/ctx.tgz /a/
ADD --unpack=true http://127.0.0.1:$web/ctx.tgz /b/
ADD http://127.0.0.1:$web/ctx.tgz /c/
END
    build -q -t w4 .
    [ "$(in_image w4 ls /a /b /c)" = "$(printf '/a:\nctx.tgz\n\n/b:\nDockerfile\nf\n\n/c:\nctx.tgz')" ]
}

@test "RUN with more rights and on the host's network, when it is allowed" {
    printf 'FROM busybox\nRUN --security=insecure mkdir /m && mount -t tmpfs none /m && grep -q "^Seccomp:.0" /proc/self/status && echo yes >/s\n' >Dockerfile
    run build .
    [ "$status" -eq 1 ]
    one_line
    [[ $output == *"Dockerfile:2: "*"--allow security.insecure"* ]]
    build -q --allow security.insecure -t insecure .
    [ "$(in_image insecure cat /s)" = yes ]
    printf 'FROM busybox\nRUN --network=host ls /sys/class/net >/host; printf "no line end"\nRUN --network=none ls /sys/class/net >/none\n' >Dockerfile
    run build .
    [ "$status" -eq 1 ]
    [[ $output == *"--allow network.host"* ]]
    run build --progress plain --allow network.host -t nets .
    [ "$status" -eq 0 ]
    grep -qE '^#1 [0-9.]+ no line end$' <<<"$output"
    [ "$(in_image nets cat /none)" = lo ]
    ls /sys/class/net >host
    [ "$(wc -l <host)" -gt 1 ] || skip "the host has no interface but lo"
    [ "$(in_image nets cat /host | sort)" != lo ]
}

@test "quotas and settings of RUN" {
    printf 'FROM busybox\nRUN (ulimit -n; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; grep -c "1.2.3.4.*there" /etc/hosts; grep nameserver /etc/resolv.conf) >/f\n' >Dockerfile
    build -q --memory 64m --cpus 0.5 --pids-limit 40 --dns 192.0.2.9 --add-host there:1.2.3.4 --ulimit nofile=123:123 --shm-size 5m -t quotas .
    [ "$(in_image quotas cat /f)" = "$(printf '123\n5120\n1\nnameserver 192.0.2.9')" ]
    printf 'FROM busybox\nRUN dd if=/dev/zero of=/dev/null bs=200M count=1\n' >Dockerfile
    run build --network none --memory 32m --memory-swap 32m .
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == *"killed for want of memory (--memory)" ]]
}

@test "cache mounts: locked ones take turns, private ones are each one's own" {
    cat >Dockerfile <<'END'
FROM busybox AS a
RUN --mount=type=cache,target=/c,id=k,sharing=locked echo in >>/c/log; sleep 0.2; echo out >>/c/log
FROM busybox AS b
RUN --mount=type=cache,target=/c,id=k,sharing=locked echo in >>/c/log; sleep 0.2; echo out >>/c/log
FROM busybox AS c
RUN --mount=type=cache,target=/m,id=meet --mount=type=cache,target=/c,id=p,sharing=private touch /m/1 /c/1; until [ -e /m/2 ]; do sleep 0.1; done; ls /c >/l; touch /m/3; until [ -e /m/4 ]; do sleep 0.1; done
FROM busybox AS d
RUN --mount=type=cache,target=/m,id=meet --mount=type=cache,target=/c,id=p,sharing=private touch /m/2 /c/2; until [ -e /m/1 ]; do sleep 0.1; done; ls /c >/l; touch /m/4; until [ -e /m/3 ]; do sleep 0.1; done
FROM busybox AS turns
COPY --from=a /etc/passwd /a
COPY --from=b /etc/passwd /b
RUN --mount=type=cache,target=/c,id=k cp /c/log /log
FROM busybox AS own
COPY --from=c /l /1
COPY --from=d /l /2
END
    build -q --target turns -t turns .
    [ "$(in_image turns cat /log)" = "$(printf 'in\nout\nin\nout')" ]
    build -q --target own -t own .
    [ "$(in_image own cat /1)" = 1 ]
    [ "$(in_image own cat /2)" = 2 ]
}

@test "--ssh: an agent's socket, or a key, whose agent is gone behind" {
    command -v ssh-agent >/dev/null || skip "no ssh-agent"
    printf 'FROM busybox\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo yes >/f\n' >Dockerfile
    ssh-keygen -q -t ed25519 -N '' -f key
    build -q --ssh default=key -t ssh .
    [ "$(in_image ssh cat /f)" = yes ]
    ssh-keygen -q -t ed25519 -N secret -f locked
    run build --no-cache --ssh default=locked .
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == *"does not take the key 'locked'"* ]]
    wait_for 10 bash -c '! pgrep -f "ssh-agent.*$CLOISON_RUN_ROOT/build" >/dev/null'
    run build --no-cache --ssh default=nothing .
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == *"'nothing'"* ]]
}

@test "ADD of a repository as git@HOST:PATH is found in the cache again" {
    command -v git >/dev/null || skip "no git"
    git init -q repo && echo hi >repo/f && git -C repo add f
    git -C repo -c user.name=a -c user.email=a@b commit -qm one
    # What ssh would do on the other machine is done here.
    printf '#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n' >ssh && chmod +x ssh
    mkdir context
    printf 'FROM busybox\nADD git@host:%s /r\n' "$PWD/repo" >context/Dockerfile
    export GIT_SSH_COMMAND=$PWD/ssh
    build -q -t ssh context && [ "$(in_image ssh cat /r/f)" = hi ]
    run build --progress plain context
    [[ $output == *CACHED* ]]
    echo ho >repo/f && git -C repo -c user.name=a -c user.email=a@b commit -qam two
    run build --progress plain context
    [[ $output != *CACHED* ]]
}

@test "ADD of URLs and git repositories, and a git repository as the context" {
    command -v git >/dev/null || skip "no git"
    mkdir -p repo/sub && echo hi >repo/f && echo s >repo/sub/s
    printf 'FROM busybox\nCOPY s /s\n' >repo/sub/Dockerfile
    git init -q -b main repo && git -C repo add . && git -C repo -c user.name=x -c user.email=x@x commit -qm x && git -C repo tag v1
    git clone -q --bare repo repo.git && touch repo.git/git-daemon-export-ok
    local web git sum
    web=$(free_port) && git=$(free_port) && sum=$(sha256sum repo/f | cut -d' ' -f1)
    python3 -m http.server "$web" --bind 127.0.0.1 >/dev/null 2>&1 3>&- &
    echo $! >>../pids
    git daemon --reuseaddr --base-path=. --listen=127.0.0.1 --port="$git" . >/dev/null 2>&1 3>&- &
    echo $! >>../pids
    wait_for 10 curl -fsS "http://127.0.0.1:$web/repo/f" && wait_for 10 bash -c "exec 9<>/dev/tcp/127.0.0.1/$git"
    build -q -t context "git://127.0.0.1:$git/repo.git#v1:sub" && [ "$(in_image context cat /s)" = s ]
    mkdir b && cat >b/Dockerfile <<END
FROM busybox
ADD http://127.0.0.1:$web/repo/f /dl/
ADD --checksum=sha256:$sum --chmod=644 http://127.0.0.1:$web/repo/f /g
ADD git://127.0.0.1:$git/repo.git#v1 /src/
ADD --keep-git-dir=true git://127.0.0.1:$git/repo.git /kept/
END
    build -q -t remote b
    [ "$(in_image remote sh -c 'stat -c %a /dl/f /g; cat /dl/f /g /src/f; ls -d /src/.git /kept/.git 2>/dev/null')" = "$(printf '600\n644\nhi\nhi\nhi\n/kept/.git')" ]
    run build -t remote b
    [ "$(grep -c CACHED <<<"$output")" = 4 ]
    sed -i 's/sha256:....../sha256:000000/' b/Dockerfile
    run build b
    [ "$status" -eq 1 ]
    [[ $output == *"Dockerfile:3: "*"digest mismatch"* ]]
}

@test "outputs: folder, archives; the ID and the metadata in files" {
    printf 'FROM busybox AS b\nRUN mkdir /o && echo out >/o/f\nFROM scratch\nCOPY --from=b /o /\n' >Dockerfile
    build -o out . && [ "$(cat out/f)" = out ]
    build -o - . | tar tf - | grep -qx f
    build -o type=tar,dest=x.tar . && tar tf x.tar | grep -qx f
    build -t o:1 -t o:2 -o type=oci,dest=oci.tar --iidfile iid --metadata-file meta . && tar tf oci.tar | grep -q index.json
    [ "$(cat iid)" = "$(id_of o:1)" ]
    [ "$(cat iid)" = "$(id_of o:2)" ]
    [ "$(jq -r '."containerimage.config.digest"' meta)" = "$(cat iid)" ]
    build -t o:3 -o type=docker,dest=docker.tar . && tar tf docker.tar | grep -q manifest.json
    run build -o type=lcoal,dest=x .
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"did you mean 'local'"* ]]
}

@test "a layer of many pieces: what packs and what does not, its digests, its content" {
    head -c 3000001 /dev/urandom >random
    seq 1 300000 >numbers
    head -c 5000000 /dev/zero >zeros
    printf 'FROM scratch\nCOPY random numbers zeros /\n' >Dockerfile
    build -q -o type=oci,dest="$BATS_FILE_TMPDIR/pieces.tar" .
    mkdir pieces && tar xf "$BATS_FILE_TMPDIR/pieces.tar" -C pieces
    python3 - <<'END'
import glob, gzip, hashlib, io, json, tarfile
blobs = {f.rsplit("/", 1)[1]: open(f, "rb").read() for f in glob.glob("pieces/blobs/sha256/*")}
for name, bytes_ in blobs.items():
    assert hashlib.sha256(bytes_).hexdigest() == name, name
index = json.load(open("pieces/index.json"))
manifest = json.loads(blobs[index["manifests"][0]["digest"][7:]])
config = json.loads(blobs[manifest["config"]["digest"][7:]])
packed = blobs[manifest["layers"][0]["digest"][7:]]
plain = gzip.decompress(packed)
assert 3000000 < len(packed) < 4500000, len(packed)
assert "sha256:" + hashlib.sha256(plain).hexdigest() == config["rootfs"]["diff_ids"][0]
with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
    for name in "random", "numbers", "zeros":
        assert tar.extractfile(name).read() == open(name, "rb").read(), name
END
}

@test "--squash: one layer more than the base, the same files; --platform of another machine is refused" {
    printf 'FROM busybox AS a\nRUN echo 1 >/1 && rm /bin/vi && mkdir /d && touch /d/x\nFROM a\nRUN rm /1 && echo 2 >/2 && rm -r /d && mkdir /d && touch /d/y\nENV A=b\n' >Dockerfile
    build -q -t plain . && build -q --squash -t squashed .
    [ "$(cloison inspect --type image --format '{{len .RootFS.Layers}}' squashed)" = 2 ]
    in_image squashed find / -xdev ! -type d | sort >a && in_image plain find / -xdev ! -type d | sort >b
    cmp a b && grep -qx /d/y a && ! grep -qx /d/x a && ! grep -qx /bin/vi a
    build --no-cache -o out . && [ -e out/d/y ] && [ ! -e out/1 ]
    printf 'FROM scratch\nCOPY Dockerfile /\n' | build -q --platform linux/s390x -t foreign -f - .
    [ "$(cloison inspect --type image --format '{{.Architecture}}' foreign)" = s390x ]
    [ -e /proc/sys/fs/binfmt_misc/qemu-s390x ] || {
        printf 'FROM foreign\nRUN x\n' >Dockerfile
        run build --platform linux/s390x .
        [ "$status" -eq 1 ]
        one_line
        [[ $output == *"linux/s390x do not run on this machine"*qemu* ]]
    }
}

@test "the cache is bounded by the settings" {
    jq '. + {build: {cacheBytes: "1m"}}' "$CLOISON_CONFIG" >config.json
    printf 'FROM busybox\nRUN head -c 3000000 /dev/urandom >/big\nRUN true\n' >Dockerfile
    CLOISON_CONFIG=$PWD/config.json build -q -t bounded .
    [ "$(in_image bounded wc -c /big)" = "3000000 /big" ]
    run cloison builder prune -f
    [[ $output != *"head -c 3000000"* ]]
    printf '{"build": {"cacheByte": "1m"}}' >config.json
    CLOISON_CONFIG=$PWD/config.json run build -q -t bounded --no-cache .
    [ "$status" -eq 1 ]
    [[ $output == *"did you mean 'cacheBytes'"* ]]
}

@test "a cache in a folder: another store takes its steps; a blob that is not what it says is refused" {
    echo x >f && printf 'FROM busybox\nWORKDIR /w\nCOPY f /f\nRUN date +%%N >/random\n' >Dockerfile
    build -q --cache-to type=local,dest=cache . >one
    local root=$CLOISON_DATA_ROOT
    CLOISON_DATA_ROOT=$root/other run build -q --cache-from type=local,src=cache .
    [ "$output" = "$(cat one)" ]
    CLOISON_DATA_ROOT=$root/other cloison system check
    rm -rf "$root/other"
    for blob in cache/blobs/sha256/*; do echo damaged | gzip >"$blob"; done
    CLOISON_DATA_ROOT=$root/other run build --cache-from type=local,src=cache .
    [ "$status" -eq 1 ]
    [[ $output == *"digest mismatch"* ]]
    rm -rf "$root/other"
    run build --cache-to type=s3,bucket=x .
    [ "$status" -eq 1 ]
    one_line
}

@test "the same inputs give the same image, bit for bit" {
    export SOURCE_DATE_EPOCH=1700000000
    echo x >f
    printf 'FROM busybox\nWORKDIR /w\nRUN echo y >g && mkdir -p d/e && ln -s g h\nCOPY f .\nENV A=1\n' >Dockerfile
    build -q --no-cache -t r1 . >one
    touch f
    build -q --no-cache -t r2 . >two
    cmp one two
    [ "$(cloison inspect --type image --format '{{.Created}}' r1)" = 2023-11-14T22:13:20Z ]
    # In another store, too.
    local root=$CLOISON_DATA_ROOT
    CLOISON_DATA_ROOT=$root/other build -q -t r3 . >three
    rm -rf "$root/other"
    cmp one three
}

@test "a step that fails: its output, the line, a mark; what was before is kept; nothing is left" {
    printf 'FROM busybox\nRUN echo fine >/a\nRUN echo about to fail; exit 7\nRUN never\n' >Dockerfile
    run --separate-stderr build -t bad .
    [ "$status" -eq 1 ]
    [[ $stderr == *"about to fail"* && $stderr == *"3 | >>> RUN echo about to fail; exit 7"*'^~~~'* ]]
    [[ ${stderr_lines[-1]} == "cloison-build: Dockerfile:3: 'RUN echo about to fail; exit 7' ended with 7" || ${stderr_lines[-1]} == "cloison: Dockerfile:3: 'RUN echo about to fail; exit 7' ended with 7" ]]
    # The command alone is marked, under its first letter.
    grep -qx '     |         ^~*' <<<"$stderr"
    run build -t bad .
    [ "$(grep -c CACHED <<<"$output")" = 1 ]
    [ -z "$(ls -A "$CLOISON_RUN_ROOT/build")" ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/images/tmp")" ]
}

@test "a variable is what stands later, ARG or ENV; a stage has the arguments of the one it stands on" {
    printf 'FROM busybox AS a\nARG X=1\nENV Y=2\nFROM a\nRUN echo "$X" >/o\nARG X\nARG Y=9\nRUN echo "$X $Y" >/p\nENV E=$X-$Y\nENV X=5\nRUN echo "$X" >/q\n' >Dockerfile
    build -q --network none -t later .
    [ "$(in_image later cat /o /p /q)" = $'1\n1 9\n5' ]
    [ "$(cloison inspect -f '{{range .Config.Env}}{{.}} {{end}}' later | grep -o 'Y=.*')" = "Y=2 E=1-9 X=5 " ]
    build -q --network none --build-arg X=7 -t later .
    [ "$(in_image later cat /o /p /q)" = $'7\n7 9\n5' ]
}

@test "mistakes: one line, the file, the line, the nearest word" {
    mistake() { # TEXT-IN-ERROR DOCKERFILE
        printf '%b' "$2" >Dockerfile
        run build .
        echo "$output"
        [ "$status" -eq 1 ]
        [[ $(grep -c ^cloison: <<<"$output") = 1 && $output == *"$1"* ]]
    }
    mistake "Dockerfile:2: unknown instruction 'RNU' (did you mean 'RUN'?)" 'FROM busybox\nRNU x\n'
    mistake "Dockerfile:2: COPY has no flag '--form' (did you mean '--from'?)" 'FROM busybox\nCOPY --form=x a b\n'
    mistake "Dockerfile:2: RUN --mount: unknown type (did you mean 'cache'?) 'cahce'" 'FROM busybox\nRUN --mount=type=cahce,target=/x true\n'
    mistake "Dockerfile:2: 'nope'" 'FROM busybox\nCOPY nope /\n'
    mistake "Dockerfile:2: ENV: a brace is left open" 'FROM busybox\nENV A=${B\n'
    mistake "Dockerfile:2: ENV: U: must be set" 'FROM busybox\nENV A="${U:?must be set}"\n'
    mistake "Dockerfile:2: WORKDIR: U: must be set" 'FROM busybox\nWORKDIR ${U:?must be set}\n'
    mistake "Dockerfile:2: ENV: 'be' is not NAME=VALUE (quote a value" 'FROM busybox\nENV A=${U:?must be set}\n'
    mistake "Dockerfile:1: FROM takes 'IMAGE [AS NAME]'" 'FROM busybox as\n'
    mistake "'later' is a stage that comes later" 'FROM busybox AS a\nCOPY --from=later /a /b\nFROM busybox AS later\nFROM a\n'
    mistake "'security.insecure' is not allowed" 'FROM busybox\nRUN --security=insecure true\n'
    mistake "'joe': unable to find user 'joe'" 'FROM scratch\nCOPY --chown=joe Dockerfile /\n'
    printf 'FROM busybox AS one\n' >Dockerfile
    run build --target on .
    [ "$status" -eq 1 ]
    one_line
    [[ $output == *"did you mean 'one'"* ]]
    run build --progress fancy .
    [ "$status" -eq 125 ]
    one_line
    printf 'from busybox AS Big\nCMD sh\nMAINTAINER me\n' >Dockerfile
    run build --check .
    [ "$status" -eq 1 ]
    [[ $output == *"Dockerfile:1: FromAsCasing"*"Dockerfile:1: StageNameCasing"*"Dockerfile:2: JSONArgsRecommended"*"Dockerfile:3: MaintainerDeprecated"* ]]
}

@test "df -v tells of each step kept: its kind, its size, how often it was taken" {
    printf 'FROM busybox\nRUN echo df >/f\nRUN --mount=type=cache,target=/c,id=df echo x >/c/x\n' >Dockerfile
    cloison builder prune -a -f >/dev/null
    build -q -t df . && build -q -t df . && build -q -t df .
    run cloison system df -v
    echo "$output"
    [[ $output == *"Build cache usage: "* ]]
    grep -qE '^CACHE ID +CACHE TYPE +SIZE +CREATED +LAST USED +USAGE +SHARED$' <<<"$output"
    [ "$(grep -cE '^[0-9a-f]{12} +regular +[0-9.]+k?B .* ago +2 +true$' <<<"$output")" -ge 1 ]
    [ "$(grep -cE '^[0-9a-f]{12} +exec.cachemount ' <<<"$output")" = 1 ]
}

@test "--check: the keyword that is written as few are is named, not those as most" {
    printf 'from busybox\nRUN true\nENV A=b\n' >Dockerfile
    run build --check .
    [ "$status" -eq 1 ]
    [ "$output" = "Dockerfile:1: ConsistentInstructionCasing: 'from' is not written in the case of most others" ]
}

@test "the cache is counted and removed; images stay whole" {
    printf 'FROM busybox\nRUN head -c 3000000 /dev/urandom >/big\nRUN --mount=type=cache,target=/c echo x >/c/f\n' >Dockerfile
    build -q -t prunable .
    cloison system df | grep -q '^Build Cache'
    cloison builder prune -f -a | grep -q 'RUN head'
    cloison system df --format '{{.Type}} {{.TotalCount}}' | grep -qx 'Build Cache 0'
    [ "$(in_image prunable wc -c /big)" = "3000000 /big" ]
    cloison system check
    cloison rmi prunable >/dev/null
}

@test "COPY: a pattern may match nothing, in a folder that is there" {
    touch a
    printf 'FROM busybox\nCOPY a none* /x/\nCOPY nothing.* /\n' >Dockerfile
    build -q -t nothing .
    [ "$(in_image nothing ls /x)" = a ]
    printf 'FROM busybox\nCOPY nofolder/* /x/\n' >Dockerfile
    run build -q .
    [ "$status" -ne 0 ]
    [[ $output == *"Dockerfile:2: 'nofolder/*': 'nofolder': No such file"* ]]
}

@test "COPY: several sources go where the first has gone; an owner whom the image does not know is root, and that is said" {
    mkdir d && echo a >a && echo b >b && touch d/f
    printf 'FROM busybox\nWORKDIR /app\nCOPY a b /app\nCOPY a b /file\nCOPY --chown=nobodyhere:1 a /c\n' >Dockerfile
    run build -t several .
    [ "$status" -eq 0 ]
    [[ $output == *"warning: 'nobodyhere:1': unable to find user 'nobodyhere'"*"it is root here"* ]]
    [ "$(in_image several sh -c 'cat /app/a /app/b /file; stat -c %u:%g /c')" = "$(printf 'a\nb\nb\n0:1')" ]
    printf 'FROM busybox\nCOPY a d /file\n' >Dockerfile
    run build .
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == *"copying 'd' to '/file': Not a directory" ]]
}

@test "COPY: the folder itself is not copied; a link that leads to nothing is followed; what is ignored leaves no folder" {
    mkdir -p d out/in node_modules/m
    echo 1 >d/f
    touch node_modules/m/x out/in/x keep.md
    chmod 1700 d
    printf 'node_modules\nout\n!*.md\n!**/y\n' >.dockerignore
    printf 'FROM busybox\nRUN ln -s no/deep /rel; ln -s /no/abs /etc/abs\nCOPY d /z\nCOPY --chmod=711 d /w/\nCOPY d/f /rel\nCOPY d/f /etc/abs\nCOPY . /all/\n' >Dockerfile
    build -q -t folder .
    [ "$(in_image folder stat -c %a /z /w /w/f)" = $'755\n755\n711' ]
    [ "$(in_image folder cat /no/deep /no/abs)" = $'1\n1' ]
    [ "$(in_image folder ls /all)" = $'Dockerfile\nd\nkeep.md' ]
}

@test "ADD: what is compressed and no archive stays a file; an archive's folder has the owner that was asked for" {
    echo hi | gzip -n >a.gz
    mkdir q && touch q/f && tar cf q.tar q
    printf 'FROM busybox\nADD a.gz /b.gz\nADD a.gz /new/c.gz\nADD --chown=5:6 q.tar /q/\n' >Dockerfile
    build -q -t packed .
    [ "$(in_image packed zcat /b.gz /new/c.gz)" = $'hi\nhi' ]
    [ "$(in_image packed stat -c %u:%g /q /q/q)" = $'5:6\n0:0' ]
}

@test "an image whose WorkingDir is an empty string; of nothing comes an image with a PATH" {
    mkdir layout
    cloison save busybox | tar -C layout -x
    local config
    config=$(jq -r '.[0].Config' layout/manifest.json)
    jq -c '.config.WorkingDir = ""' "layout/$config" >config.json
    rm "layout/$config"
    cp config.json "layout/$(sha256sum <config.json | cut -c1-64).json"
    jq -c ".[0].Config = \"$(sha256sum <config.json | cut -c1-64).json\" | .[0].RepoTags = [\"nodir:1\"]" layout/manifest.json >m
    mv m layout/manifest.json
    tar -C layout -c . | cloison load
    printf 'FROM nodir:1\nRUN pwd >/where\nCOPY config.json c\nWORKDIR w\n' >Dockerfile
    build -q -t nodir:2 .
    [ "$(in_image nodir:2 cat /where)" = / ]
    [ "$(in_image nodir:2 pwd)" = /w ]
    printf 'FROM scratch\nCOPY config.json /c\n' >Dockerfile
    build -q -t nothing:1 .
    [ "$(cloison inspect -f '{{.Config.WorkingDir}} {{index .Config.Env 0}}' nothing:1)" = "/ PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" ]
}

@test "EXPOSE and STOPSIGNAL: a protocol in capitals, a signal that is none" {
    printf 'FROM busybox\nEXPOSE 80/TCP\n' >Dockerfile
    build -q -t ports .
    [ "$(cloison inspect -f '{{json .Config.ExposedPorts}}' ports)" = '{"80/tcp":{}}' ]
    printf 'FROM busybox\nSTOPSIGNAL SIGFOO\n' >Dockerfile
    run build -q .
    [ "$status" -ne 0 ]
    [[ $output == *"Dockerfile:2:"*"invalid signal: 'SIGFOO'"* ]]
}
