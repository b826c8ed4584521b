#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build --sbom --provenance --attest`: what is stated about an image stands beside it in an index, and the
# image is found, run, saved, pushed and removed as any other.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    command -v docker-registry >/dev/null || return 0
    PLAIN=$(start_registry plain)
    export PLAIN
}
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    command -v skopeo >/dev/null && command -v docker-registry >/dev/null || skip "needs skopeo and docker-registry"
    fresh_context
}

ARCH() { cloison inspect -f '{{.Architecture}}' busybox; }
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }
# statement PREDICATE-TYPE: of the OCI layout in the folder "layout", the one statement of that type.
statement() {
    local blobs=layout/blobs/sha256 index attestation
    index=$(jq -r '.manifests[0].digest' layout/index.json)
    attestation=$(jq -r '.manifests[] | select(.annotations."vnd.docker.reference.type" == "attestation-manifest").digest' \
        "$blobs/${index#*:}")
    jq -r --arg t "$1" '.layers[] | select(.annotations."in-toto.io/predicate-type" == $t).digest' \
        "$blobs/${attestation#*:}" | while read -r digest; do cat "$blobs/${digest#*:}"; done
}
save() { rm -rf layout && cloison save --format oci-archive "$1" | tar xf - --one-top-level=layout; }

@test "an index: the image, and its attestations as BuildKit attaches them" {
    printf 'FROM busybox\nRUN echo attested >/f\nCMD ["cat", "/f"]\n' >Dockerfile
    cloison build -q --sbom=true --provenance=true -t "$PLAIN/att/a:1" --metadata-file meta.json .
    [ "$(cloison run --rm --network none "$PLAIN/att/a:1")" = attested ]
    cloison push -q "$PLAIN/att/a:1"
    raw "$PLAIN/att/a:1" >index
    jq -e --arg arch "$(ARCH)" '.mediaType == "application/vnd.oci.image.index.v1+json" and (.manifests | length) == 2
        and .manifests[0].platform == {architecture: $arch, os: "linux"}
        and .manifests[1].platform == {architecture: "unknown", os: "unknown"}
        and .manifests[1].annotations == {"vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": .manifests[0].digest}' index
    [ "sha256:$(sha256sum index | cut -d' ' -f1)" = "$(jq -r '."containerimage.digest"' meta.json)" ]
    raw "$PLAIN/att/a@$(jq -r '.manifests[1].digest' index)" >manifest
    jq -e '[.layers[] | [.mediaType, .annotations."in-toto.io/predicate-type"]] ==
        [["application/vnd.in-toto+json", "https://spdx.dev/Document"],
         ["application/vnd.in-toto+json", "https://slsa.dev/provenance/v0.2"]]' manifest
    save "$PLAIN/att/a:1"
    statement https://slsa.dev/provenance/v0.2 >one
    jq -e --arg subject "$(jq -r '.manifests[0].digest' index)" --arg name "pkg:docker/$PLAIN/att/a@1?platform=linux%2F$(ARCH)" \
        '._type == "https://in-toto.io/Statement/v0.1" and .subject == [{name: $name, digest: {sha256: ($subject | ltrimstr("sha256:"))}}]' one
    # Others find the image in it: skopeo, Podman, another store of ours.
    [ "$(skopeo inspect --tls-verify=false --format '{{.Architecture}}' "docker://$PLAIN/att/a:1")" = "$(ARCH)" ]
    CLOISON_DATA_ROOT=$CLOISON_DATA_ROOT/other cloison pull -q "$PLAIN/att/a:1" >id
    rm -rf "$CLOISON_DATA_ROOT/other"
    [ "$(cat id)" = "$(cloison inspect -f '{{.Id}}' "$PLAIN/att/a:1")" ]
    cloison system check
}

@test "the packages of dpkg, of a distroless image, of apk: SPDX 2.3 with their URLs" {
    mkdir -p deb/var/lib/dpkg deb/etc less/var/lib/dpkg/status.d apk/lib/apk/db apk/etc
    printf 'ID=debian\nVERSION_ID="12"\n' >deb/etc/os-release
    printf 'Package: bash\nStatus: install ok installed\nMaintainer: A <a@b>\nArchitecture: amd64\nVersion: 5.2.15-2+b7\nDescription: x\n Version: no\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: libc6\nStatus: install ok installed\nSource: glibc (2.36-9)\nArchitecture: amd64\nVersion: 1:2.36-9\n' >deb/var/lib/dpkg/status
    printf 'Package: tzdata\nArchitecture: all\nVersion: 2024a-0\n' >less/var/lib/dpkg/status.d/tzdata
    echo 'd41d8 etc/x' >less/var/lib/dpkg/status.d/tzdata.md5sums
    printf 'ID=alpine\nVERSION_ID=3.18.4\n' >apk/etc/os-release
    printf 'C:Q1x\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nm:N <n@a>\nF:lib\nR:x\n\nP:libcrypto3\nV:3.1.4-r0\nA:x86_64\nL:Apache-2.0\no:openssl\n' >apk/lib/apk/db/installed
    for kind in deb less apk; do
        printf 'FROM scratch\nCOPY %s /\n' $kind >Dockerfile
        cloison build -q --sbom=true -t "sbom$kind$TAG" .
        save "sbom$kind$TAG"
        statement https://spdx.dev/Document | jq .predicate >$kind.json
        jq -e '.spdxVersion == "SPDX-2.3" and .SPDXID == "SPDXRef-DOCUMENT" and .dataLicense == "CC0-1.0" and
            (.documentNamespace | startswith("https://")) and (.creationInfo.created | test("^[-0-9]+T[0-9:]+Z$")) and
            ([.packages[].SPDXID] | length == (unique | length)) and
            ([.relationships[] | .relatedSpdxElement] | sort) == ([.packages[].SPDXID] | sort)' $kind.json
        jq -r '.packages[].externalRefs[]?.referenceLocator' $kind.json >$kind.urls
    done
    cat ./*.urls
    diff - deb.urls <<'END'
pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12
pkg:deb/debian/libc6@1:2.36-9?arch=amd64&distro=debian-12&upstream=glibc
END
    diff - less.urls <<<"pkg:deb/tzdata@2024a-0?arch=all"
    diff - apk.urls <<'END'
pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4
pkg:apk/alpine/libcrypto3@3.1.4-r0?arch=x86_64&distro=alpine-3.18.4&upstream=openssl
END
}

@test "the packages of rpm's database, as rpm itself wrote it" {
    command -v rpmbuild || skip "rpm is not installed"
    printf '%%define _build_id_links none\nName: made\nVersion: 1.5\nRelease: 2\nEpoch: 3\nSummary: s\nLicense: MIT\nVendor: V\nBuildArch: noarch\n%%description\nd\n%%files\n' >made.spec
    rpmbuild -bb --quiet --define "_topdir $PWD/top" made.spec 2>log || { cat log; false; }
    mkdir -p root/etc
    printf 'ID=fedora\nVERSION_ID=40\n' >root/etc/os-release
    rpm --root "$PWD/root" --dbpath /var/lib/rpm --define '_db_backend sqlite' --initdb
    rpm --root "$PWD/root" --dbpath /var/lib/rpm --define '_db_backend sqlite' -i --nodeps --noscripts top/RPMS/noarch/made-1.5-2.noarch.rpm
    [ -f root/var/lib/rpm/rpmdb.sqlite ]
    printf 'FROM scratch\nCOPY root /\n' >Dockerfile
    cloison build -q --attest type=sbom -t "sbomrpm$TAG" .
    save "sbomrpm$TAG"
    statement https://spdx.dev/Document >rpm.json
    [ "$(jq -r '.predicate.packages[].externalRefs[]?.referenceLocator' rpm.json)" = \
        "pkg:rpm/fedora/made@1.5-2?arch=noarch&distro=fedora-40&epoch=3" ]
    # One that is none, and one of a kind that rpm no longer writes: said, not left out.
    head -c 5000 /dev/urandom >root/var/lib/rpm/rpmdb.sqlite
    run -1 cloison build -q --sbom=true -t "sbomrpm$TAG" .
    one_line
    [[ $output == *"rpm database"* ]]
    rm root/var/lib/rpm/rpmdb.sqlite* && echo >root/var/lib/rpm/Packages
    run -1 cloison build -q --sbom=true -t "sbomrpm$TAG" .
    one_line
    [[ $output == *"not of the kind SQLite"* ]]
}

@test "provenance: of mode=min no value that was given, of mode=max all but secrets; v1" {
    echo hush >../hush
    printf 'FROM busybox AS base\nARG WHO=x\nRUN --mount=type=secret,id=s true\nCOPY --from=busybox /bin/busybox /b\nFROM base\nLABEL a=b\n' >Dockerfile
    build() { cloison build -q --build-arg WHO=verysecretish --label l=labelled --secret id=s,src=../hush -t "prov$TAG" "$@" . && save "prov$TAG"; }
    build --provenance=mode=min
    statement https://slsa.dev/provenance/v0.2 | tee min.json
    jq -e '.predicate | .buildType == "https://mobyproject.org/buildkit@v1" and .invocation.configSource.entryPoint == "Dockerfile" and
        .invocation.parameters.frontend == "dockerfile.v0" and (.materials | length) == 1 and
        (.materials[0].uri | test("^pkg:docker/busybox@latest\\?platform=linux%2F")) and .metadata.completeness.parameters == false and
        .metadata.buildStartedOn <= .metadata.buildFinishedOn' min.json
    ! grep -E 'verysecretish|labelled' min.json || false
    build --attest type=provenance,mode=max,builder-id=https://example.com/1
    statement https://slsa.dev/provenance/v0.2 >max.json
    jq -e '.predicate | .builder.id == "https://example.com/1" and .invocation.parameters.args."build-arg:WHO" == "verysecretish" and
        .invocation.parameters.args."label:l" == "labelled" and .invocation.parameters.secrets == [{id: "s"}]' max.json
    jq -r '.predicate.metadata."https://mobyproject.org/buildkit@v1#metadata".source.infos[0].data' max.json | base64 -d | diff - Dockerfile
    ! grep -r hush layout || false
    build --provenance=mode=max,version=v1
    statement https://slsa.dev/provenance/v1 >one.json
    jq -e '.predicate | .buildDefinition.externalParameters.request.args."build-arg:WHO" == "verysecretish" and
        (.buildDefinition.resolvedDependencies | length) == 1 and .runDetails.metadata.invocationId != ""' one.json
}

@test "names: a tag takes the index along; a build without attestations has none; rmi leaves nothing" {
    printf 'FROM busybox\nRUN echo names >/n\n' >Dockerfile
    cloison build -q --provenance=true -t "names$TAG:1" .
    cloison tag "names$TAG:1" "names$TAG:2"
    members() { save "$1" && jq -r '.manifests[0].mediaType' layout/index.json; }
    [[ $(members "names$TAG:2") == *index* ]]
    cloison build -q --provenance=false -t "names$TAG:1" .
    [[ $(members "names$TAG:1") == *manifest* ]]
    [[ $(members "names$TAG:2") == *index* ]]
    # What a sweep takes is not what the index names.
    cloison image prune -f && cloison builder prune -a -f >/dev/null
    [[ $(members "names$TAG:2") == *index* ]]
    cloison system check
    # Docker's archive holds the image alone; an OCI one comes back as the image.
    cloison save "names$TAG:2" | cloison load -q
    cloison save --format oci-archive "names$TAG:2" >oci.tar
    cloison rmi "names$TAG:1" "names$TAG:2" >/dev/null
    [ -z "$(find "$CLOISON_DATA_ROOT/images/names" -path "*names$TAG*")" ]
    cloison load -q -i oci.tar
    [ "$(cloison run --rm --network none "names$TAG:2" cat /n)" = names ]
    # An archive of an index that has no name.
    cloison build -q --sbom=true --output type=oci,dest=no.tar .
    tar xf no.tar --one-top-level=layout --overwrite
    [ "$(statement https://spdx.dev/Document | jq -r .predicate.spdxVersion)" = SPDX-2.3 ]
    cloison system check
}

@test "files that leave as files have the statements beside them" {
    mkdir -p x/y && echo content >x/y/f
    printf 'FROM busybox AS b\nFROM scratch\nCOPY x /x\n' >Dockerfile
    cloison build -q --sbom=true --provenance=true --output out --output type=tar,dest=o.tar .
    [ "$(jq -r '._type + " " + .predicateType + " " + .predicate.spdxVersion' out/sbom.spdx.json)" = \
        "https://in-toto.io/Statement/v0.1 https://spdx.dev/Document SPDX-2.3" ]
    [ "$(jq -r .predicateType out/provenance.json)" = https://slsa.dev/provenance/v0.2 ]
    [ "$(jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' out/provenance.json)" = "$(cd out && sha256sum x/y/f)" ]
    tar xf o.tar --one-top-level=t
    cmp t/sbom.spdx.json out/sbom.spdx.json
    [ "$(stat -c %a t/x/y/f t/provenance.json)" = "$(printf '644\n600')" ]
    cloison build -q --attest type=provenance,inline-only=true --output out2 .
    [ "$(ls out2)" = x ]
    [ "$(cat out2/x/y/f)" = content ]
}

@test "what is not understood is one line" {
    printf 'FROM busybox\n' >Dockerfile
    for bad in --sbom=maybe --sbom=generator=x --attest=type=sbm --provenance=mode=mid --provenance=mdoe=max --attest=sbom; do
        run cloison build -q "$bad" .
        one_line
        [ "$status" -ne 0 ]
    done
    run cloison build -q --sbom=true --output type=docker,dest=o .
    one_line
    [[ $output == *"type=docker has no place for attestations"* ]]
    [ ! -e o ]
    run --separate-stderr cloison build -q --sbom=true .
    [[ $stderr == *"without a name"* ]]
}
