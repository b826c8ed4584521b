#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The container wall alone: root file systems, mounts and their options, what images cannot do to them.
load wall_helper

setup_file() { wall_setup; }
teardown_file() { wall_teardown; }

setup() {
    # Beside the bundle: a tmpfs, which /tmp may be, can be id-mapped since Linux 6.3 alone.
    OWN=$WORK/test-$BATS_TEST_NUMBER
    LAYERS=$OWN/layers
    mkdir -p "$LAYERS"/top "$LAYERS"/upper "$LAYERS"/work "$OWN/source"
}

layers() {
    rm -rf "$LAYERS/upper" "$LAYERS/work" # what was never synced is not mounted again
    mkdir "$LAYERS/upper" "$LAYERS/work"
    wall --layers "$LAYERS/top:$ROOT" --upper "$LAYERS/upper" --work "$LAYERS/work" "$@"
}

# mount_spec FILTER OPTION… : a bind of source/ on /m with these options.
bind() {
    local options
    options=$(jq -nc '$ARGS.positional' --args "$@")
    echo ".mounts += [{destination: \"/m\", type: \"bind\", source: \"$OWN/source\", options: $options}]"
}

@test "overlay: layers in order, written to the upper folder alone" {
    echo top >"$LAYERS/top/which"
    spec_sh . 'cat /which; echo new >/new; rm /bin/wget; ls /bin/wget'
    run layers
    [ "${lines[0]}" = top ]
    [[ ${lines[1]} == *"o such file"* ]]
    [ "$(cat "$LAYERS/upper/new")" = new ]
    [ -c "$LAYERS/upper/bin/wget" ]
    [ -e "$ROOT/bin/wget" ]
    [ ! -e "$ROOT/new" ]
}

@test "overlay: 127 layers with long names" {
    local i list= name
    name=$(printf 'x%.0s' $(seq 150))
    for i in $(seq 126); do
        mkdir -p "$LAYERS/$name/$i"
        echo "$i" >"$LAYERS/$name/$i/$i"
        list+="$LAYERS/$name/$i:"
    done
    spec_sh . 'cat /1 /126; ls / | grep -c "^[0-9]*$"'
    run wall --layers "$list$ROOT" --upper "$LAYERS/upper" --work "$LAYERS/work"
    [ "$status" -eq 0 ]
    [ "$output" = $'1\n126\n126' ]
}

@test "overlay without an upper folder is read-only" {
    mkdir -p "$LAYERS"/top/{proc,dev,sys,tmp}
    spec_sh . 'touch /x'
    run wall --layers "$LAYERS/top:$ROOT"
    [ "$status" -ne 0 ]
    [[ $output == *"ead-only file system"* ]]
}

@test "overlay: a layer that is not there is named" {
    spec . true
    run wall --layers "$LAYERS/nowhere:$ROOT" --upper "$LAYERS/upper" --work "$LAYERS/work"
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"$LAYERS/nowhere"* ]]
}

@test "overlay in a user namespace: ids mapped, nothing chowned" {
    mkdir "$LAYERS/top/owned"
    chown 33:33 "$LAYERS/top/owned"
    spec_sh "$USERNS" 'stat -c %u:%g /owned /bin/busybox; touch /mine /owned/f; chown 33 /owned/f; stat -c %u /mine /owned/f; rm /bin/wget'
    run layers
    [ "$status" -eq 0 ]
    [ "$output" = $'33:33\n0:0\n0\n33' ]
    [ "$(stat -c %u "$LAYERS/upper/mine" "$LAYERS/upper/owned/f" | tr '\n' ' ')" = "0 33 " ]
    [ "$(stat -c %u "$ROOT/bin/busybox")" = 0 ]
}

@test "a folder as the root in a user namespace: ids mapped" {
    spec_sh "$USERNS" 'stat -c %u / /etc/passwd; touch /tmp/made && stat -c %u /tmp/made'
    run wall --idmap
    [ "$status" -eq 0 ]
    [ "$output" = $'0\n0\n0' ]
    [ "$(stat -c %u "$ROOT/tmp/made")" = 0 ]
    rm "$ROOT/tmp/made"
}

@test "bind mounts: idmap follows the workload's namespace, own mappings their own" {
    touch "$OWN/source/f"
    chown 5:6 "$OWN/source/f"
    spec_sh "$USERNS | $(bind bind idmap)" 'stat -c %u:%g /m/f; touch /m/new'
    run wall --idmap
    [ "$status" -eq 0 ]
    [ "$output" = 5:6 ]
    [ "$(stat -c %u "$OWN/source/new")" = 0 ]
    spec_sh "$(bind bind) | .mounts[-1].uidMappings = [{containerID: 0, hostID: 1000, size: 10}] | .mounts[-1].gidMappings = .mounts[-1].uidMappings" \
        'stat -c %u:%g /m/f'
    run wall
    [ "$status" -eq 0 ]
    [ "$output" = 1005:1006 ]
    spec "$(bind bind idmap)" true
    run wall
    [ "$status" -ne 0 ]
    [[ $output == *"no id mappings"* ]]
}

@test "overlays of folders: names with colons, user namespaces, a shared root" {
    local variant
    mkdir "$OWN/top:1" "$OWN/base" && echo top >"$OWN/top:1/f" && echo base | tee "$OWN/base/f" >"$OWN/base/g"
    local mount=".mounts += [{destination: \"/m\", type: \"overlay\", source: \"overlay\",
        options: [\"ro\", \"lowerdir=$OWN/top\\\\:1:$OWN/base\"]}]"
    for variant in . "$USERNS" '.linux.rootfsPropagation = "rshared"'; do
        spec_sh "$variant | $mount" 'exec 2>&1; cat /m/f /m/g; echo x >/m/new || echo no'
        run wall --idmap
        [ "${lines[0]}" = top ]
        [ "${lines[1]}" = base ]
        [ "${lines[-1]}" = no ]
    done
    spec_sh "${mount/base/absent}" true
    run wall
    [ "$status" -ne 0 ]
    [[ $output == *"layer '$OWN/absent'"* ]]
}

@test "bind mounts without idmap show the host's ids" {
    touch "$OWN/source/f"
    spec_sh "$USERNS | $(bind bind)" 'stat -c %u /m/f; touch /m/x'
    run wall --idmap
    [[ ${lines[0]} == 65534 ]]
    [ "$status" -ne 0 ]
}

@test "options: each is set, and undone by its opposite" {
    local o
    for o in ro nosuid nodev noexec noatime nodiratime nosymfollow; do
        spec_sh "$(bind bind $o)" 'grep " /m " /proc/self/mountinfo'
        run wall
        [ "$status" -eq 0 ]
        [[ $output =~ \ /m\ [a-z,]*$o ]]
    done
    spec_sh "$(bind bind ro rw noexec exec)" 'grep " /m " /proc/self/mountinfo'
    run wall
    [[ $output == *" /m rw,"* && $output != *noexec* ]]
    spec "$(bind bind frobnicate)" true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *frobnicate* ]]
}

@test "a file system refuses an option: it is named" {
    spec '.mounts += [{destination: "/m", type: "tmpfs", source: "t", options: ["size=lots"]}]' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"'/m'"*"size=lots"* ]]
}

@test "recursive attributes reach the mounts below" {
    mkdir -p "$OWN/source/sub"
    mount -t tmpfs t "$OWN/source/sub"
    spec_sh "$(bind rbind rro rnosuid)" 'touch /m/x; touch /m/sub/x; grep " /m/sub " /proc/self/mountinfo'
    run wall
    umount "$OWN/source/sub"
    [[ $output == *"/m/x: Read-only"*"/m/sub/x: Read-only"*nosuid* ]]
}

@test "propagation of a mount" {
    spec_sh "$(bind rbind rshared)" 'grep " /m " /proc/self/mountinfo'
    run wall
    [[ $output == *shared:* ]]
    spec_sh "$(bind rbind runbindable)" 'grep " /m " /proc/self/mountinfo'
    run wall
    [[ $output == *unbindable* ]]
}

@test "on a host whose mounts are all shared nothing leaks, also with rootfsPropagation shared" {
    local p
    for p in null '"rshared"' '"rslave"' '"private"'; do
        spec ".linux.rootfsPropagation = $p" true
        run unshare -m sh -c '
            mount --make-rshared /
            before=$(wc -l </proc/self/mountinfo)
            "$@" || exit 1
            after=$(wc -l </proc/self/mountinfo)
            [ "$before" = "$after" ]' sh "$WALL_RUN" --id "wall-run-${WORK##*-}-p" "$WORK/bundle"
        [ "$status" -eq 0 ]
    done
}

@test "rootfsPropagation shared: a shared volume reaches the host" {
    spec_sh ".linux.rootfsPropagation = \"rshared\" | $(bind rbind rshared)
        | .process.capabilities |= map_values(. + [\"CAP_SYS_ADMIN\"])" \
        'mkdir /m/d; mount -t tmpfs inner /m/d'
    run unshare -m sh -c '
        mount --make-rshared /
        "$@" || exit 1
        grep -c " inner " /proc/self/mountinfo' sh "$WALL_RUN" --id "wall-run-${WORK##*-}-q" "$WORK/bundle"
    [ "$status" -eq 0 ]
    [ "$output" = 1 ]
}

@test "tmpfs: the mode of the folder it covers, tmpcopyup copies it" {
    mkdir -p "$ROOT/data/sub"
    chmod 2750 "$ROOT/data"
    echo content >"$ROOT/data/sub/file"
    ln -s sub/file "$ROOT/data/link"
    chown 7:8 "$ROOT/data/sub/file"
    chmod 640 "$ROOT/data/sub/file"
    spec_sh '.mounts += [{destination: "/data", type: "tmpfs", source: "t", options: ["tmpcopyup", "ro"]}]' \
        'stat -c %a /data; cat /data/link; stat -c "%u:%g %a" /data/sub/file; touch /data/x'
    run wall
    rm -rf "$ROOT/data"
    [ "${lines[0]}" = 2750 ]
    [ "${lines[1]}" = content ]
    [ "${lines[2]}" = "7:8 640" ]
    [[ ${lines[3]} == *"ead-only"* ]]
}

@test "tmpfs with tmpcopyup on a folder that was not there: anybody may write, as in any tmpfs" {
    spec_sh '.mounts += [{destination: "/scratch", type: "tmpfs", source: "t", options: ["tmpcopyup"]}]' \
        'stat -c %a /scratch'
    run wall
    rmdir "$ROOT/scratch"
    [ "$output" = 1777 ]
}

@test "read-only root: mounts in it stay writable" {
    spec_sh '.root.readonly = true' 'touch /x 2>&1; touch /dev/shm/x && echo fine'
    run wall
    [[ $output == *"ead-only file system"*fine ]]
}

@test "targets: made when missing, through symlinks, never outside" {
    mkdir -p "$LAYERS/top" "$OWN/outside"
    ln -s /run "$LAYERS/top/var-run"
    ln -s "../../../../../../../..$OWN/outside" "$LAYERS/top/out"
    ln -s loop2 "$LAYERS/top/loop1"
    ln -s loop1 "$LAYERS/top/loop2"
    echo hello >"$OWN/source/f"
    spec_sh "$(bind bind) | .mounts[-1].destination = \"/var-run/deep/er\"" 'cat /run/deep/er/f'
    run layers
    [ "$output" = hello ]
    spec_sh "$(bind bind) | .mounts[-1].destination = \"/out/x\"" "cat $OWN/outside/x/f"
    run layers
    [ "$output" = hello ]
    [ -z "$(ls -A "$OWN/outside")" ]
    spec "$(bind bind) | .mounts[-1].destination = \"/loop1/x\"" true
    run layers
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"symbolic links"* ]]
}

@test "a file is bound on a file, made when missing" {
    echo inside >"$OWN/file"
    spec_sh ".mounts += [{destination: \"/etc/made/file\", type: \"bind\", source: \"$OWN/file\", options: [\"ro\"]}]
        | .mounts[-1].options += [\"bind\"]" 'cat /etc/made/file; echo x >/etc/made/file'
    run wall
    rm -r "$ROOT/etc/made"
    [ "${lines[0]}" = inside ]
    [[ ${lines[1]} == *"ead-only"* ]]
}

@test "a missing source is named" {
    spec '.mounts += [{destination: "/m", type: "bind", source: "/no/such/folder", options: ["bind"]}]' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"/no/such/folder"*"opening the source: No such file"* ]]
}

@test "/proc: only procfs on it, nothing in it, no symlink to it" {
    local filter
    for filter in '.mounts += [{destination: "/proc", type: "tmpfs", source: "t"}]' \
        '.mounts += [{destination: "/proc/sys", type: "tmpfs", source: "t"}]' \
        "$(bind bind) | .mounts[-1].destination = \"/proc\"" \
        "$(bind bind) | .mounts[-1].destination = \"/x/../proc/self/attr\""; do
        spec "$filter" true
        run wall
        [ "$status" -ne 0 ]
        one_line
        [[ $output == *proc* ]]
    done
    ln -s /proc/sys "$LAYERS/top/procsys"
    spec "$(bind bind) | .mounts[-1].destination = \"/procsys/net\"" true
    run layers
    [ "$status" -ne 0 ]
    [[ $output == *"inside '/proc'"* ]]
    echo replaced >"$OWN/file"
    spec "$(bind bind) | .mounts[-1] |= (.source = \"$OWN/file\" | .destination = \"/proc/uptime\")" cat /proc/uptime
    run wall
    [ "$output" = replaced ]
}

@test "/proc or /sys as a symlink in the image is refused" {
    local fs
    for fs in proc sys; do
        mkdir -p "$LAYERS/only/bin" "$LAYERS/only/elsewhere"
        cp "$ROOT/bin/busybox" "$LAYERS/only/bin/true"
        ln -s elsewhere "$LAYERS/only/$fs"
        spec . true
        run wall --layers "$LAYERS/only" --upper "$LAYERS/upper" --work "$LAYERS/work"
        [ "$status" -ne 0 ]
        one_line
        [[ $output == *"'/$fs'"*"symbolic link"* ]]
        rm -rf "$LAYERS/only" "$LAYERS/upper" "$LAYERS/work"
        mkdir "$LAYERS/upper" "$LAYERS/work"
    done
}

@test "masked paths: files are the null device, folders empty; read-only ones refuse" {
    mkdir -p "$LAYERS/top/dev" "$LAYERS/top/secret"
    echo planted >"$LAYERS/top/dev/null"
    echo hidden >"$LAYERS/top/secret/file"
    ln -s secret "$LAYERS/top/alias"
    spec_sh '.linux.maskedPaths += ["/alias", "/not/there"] | .linux.readonlyPaths += ["/etc", "/no/more"]
        | .mounts |= map(select(.destination | startswith("/dev") | not))' \
        'stat -c %t:%T /proc/keys; ls /secret | wc -l; touch /secret/x; touch /etc/x; echo 1 >/proc/sys/kernel/panic'
    run layers
    [ "${lines[0]}" = 1:3 ]
    [ "${lines[1]}" = 0 ]
    [ "$(grep -c 'ead-only' <<<"$output")" = 3 ]
}

@test "devices: the default ones, those asked for, none of the image's" {
    mkdir -p "$LAYERS/top/dev"
    echo planted >"$LAYERS/top/dev/zero"
    mknod "$LAYERS/top/dev/full" c 1 3
    spec_sh '.linux.devices = [{path: "/dev/x/my", type: "c", major: 1, minor: 5, fileMode: 384, uid: 3, gid: 4}, {path: "/dev/pipe", type: "p"}]
        | .mounts |= map(select(.destination | startswith("/dev") | not))' \
        'stat -c "%n %t:%T %a %u:%g" /dev/null /dev/zero /dev/full /dev/x/my; test -p /dev/pipe && readlink /dev/fd'
    run layers
    [ "$status" -eq 0 ]
    [ "$output" = $'/dev/null 1:3 666 0:0\n/dev/zero 1:5 666 0:0\n/dev/full 1:7 666 0:0\n/dev/x/my 1:5 600 3:4\n/proc/self/fd' ]
}

@test "devices in a user namespace are the host's nodes, and work" {
    spec_sh "$USERNS" 'echo x >/dev/null && head -c 4 /dev/zero | wc -c; stat -c %t:%T /dev/urandom'
    run wall --idmap
    [ "$status" -eq 0 ]
    [ "$output" = $'4\n1:9' ]
}

@test "a mount of another container: bound from inside its namespace" {
    unshare -m --propagation private sh -c "mount -t tmpfs shm $OWN/source; echo shared >$OWN/source/f; exec sleep 60" 3>&- &
    local other=$! i
    for i in $(seq 100); do
        [ -e "/proc/$other/root$OWN/source/f" ] && break
        sleep 0.02
    done
    spec_sh "$(bind bind) | .mounts[-1].source = \"/proc/$other/root$OWN/source\"" 'cat /m/f; echo back >/m/g'
    run wall
    local back
    back=$(cat "/proc/$other/root$OWN/source/g")
    kill "$other"
    [ "$status" -eq 0 ]
    [ "$output" = shared ]
    [ "$back" = back ]
}

@test "the old root is out of reach: pivot_root, and MS_MOVE with chroot when asked" {
    local way
    for way in "" --no-pivot; do
        spec_sh . 'cat /proc/self/mountinfo | cut -d" " -f5 | head -1; ls -d /boot /usr/share 2>&1'
        run wall $way
        [ "${lines[0]}" = / ]
        [[ $output == *"o such file"* ]]
    done
    run wall --no-pivot --explain
    [[ $output == *"chroot, as asked"* ]]
}
