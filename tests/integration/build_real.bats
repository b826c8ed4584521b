#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Dockerfiles as people write them: each is built, and its result is run. Those that install much
# from the archive run with TEST_FULL=1.
load helper

setup_file() {
    engine_setup busybox
    [ -z "${TEST_FULL:-}" ] || cloison bootstrap -q debian:bookworm-slim
}
teardown_file() { engine_teardown; }

setup() {
    fresh_context
}

full() { [ -n "${TEST_FULL:-}" ] || skip "takes minutes: TEST_FULL=1"; }
build() { cloison build "$@"; }

# served NAME PORT: the container's page, once it answers.
served() {
    local address
    address=$(cloison inspect --format '{{.NetworkSettings.IPAddress}}' "$1")
    curl -fsS --retry 40 --retry-connrefused --retry-delay 0 --retry-max-time 20 "http://$address:$2/"
}

@test "sixty steps: each changes one file, all are in the image, all are cached" {
    { echo 'FROM busybox'; for i in $(seq 60); do echo "RUN echo $i >/f$((i % 7)); echo $i >>/all"; done; } >Dockerfile
    build -q -t sixty .
    [ "$(cloison run --rm --network none sixty sh -c 'cat /f3; wc -l </all')" = "$(printf '59\n60')" ]
    run build -t sixty .
    [ "$(grep -c CACHED <<<"$output")" = 60 ]
}

@test "a site of static pages, in two stages, served" {
    mkdir site && echo '# hello' >site/index.md
    cat >Dockerfile <<'END'
FROM busybox AS render
WORKDIR /src
COPY site/ .
RUN for f in *.md; do sed 's|^# \(.*\)|<h1>\1</h1>|' $f >${f%.md}.html; done

FROM busybox
COPY --from=render /src/*.html /www/
EXPOSE 8080
USER 1000
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
END
    build -q -t site .
    cloison run -d --name site site
    [ "$(served site 8080)" = '<h1>hello</h1>' ]
    cloison rm -f site
}

@test "a program in C: compiled with build-essential, run in a small image" {
    full
    printf '#include <stdio.h>\n#include <zlib.h>\nint main(void) { printf("zlib %%s\\n", zlibVersion()); }\n' >main.c
    printf 'app: main.c\n\t$(CC) -O2 -static -o $@ $< -lz\n' >Makefile
    cat >Dockerfile <<'END'
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc make libc6-dev zlib1g-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile main.c ./
RUN make
FROM scratch
COPY --from=build /src/app /app
ENTRYPOINT ["/app"]
END
    build -q -t c .
    [[ $(cloison run --rm --network none c) == "zlib 1."* ]]
    [ "$(cloison inspect --type image --format '{{len .RootFS.Layers}}' c)" = 1 ]
}

@test "a program in Python with cache mounts for apt" {
    full
    echo 'import json, sys; print(json.dumps({"sum": sum(map(int, sys.argv[1:]))}))' >app.py
    cat >Dockerfile <<'END'
FROM debian:bookworm-slim AS base
RUN rm -f /etc/apt/apt.conf.d/docker-clean; echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' >/etc/apt/apt.conf.d/keep
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends python3
FROM base
ARG USER=app
RUN useradd --create-home $USER
USER $USER
WORKDIR /home/$USER
COPY --chown=$USER:$USER app.py .
ENTRYPOINT ["python3", "app.py"]
CMD ["1", "2"]
END
    build -q -t python .
    [ "$(cloison run --rm --network none python)" = '{"sum": 3}' ]
    [ "$(cloison run --rm --network none python 4 5)" = '{"sum": 9}' ]
    [ "$(cloison run --rm --network none --entrypoint sh python -c 'find /var -name "*.deb" -o -name "*_Packages*" 2>/dev/null | wc -l; stat -c %U app.py')" = "$(printf '0\napp')" ]
}

@test "nginx with a site" {
    full
    echo '<h1>built here</h1>' >index.html
    cat >Dockerfile <<'END'
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends nginx-light \
 && rm -rf /var/lib/apt/lists/* \
 && ln -sf /dev/stdout /var/log/nginx/access.log
COPY index.html /var/www/html/index.html
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
END
    build -q -t nginx .
    cloison run -d --name web nginx
    [ "$(served web 80)" = '<h1>built here</h1>' ]
    cloison rm -f web
}

@test "a web application for node, its packages from the registry" {
    full
    echo '{"name":"app","version":"1.0.0","dependencies":{"ms":"2.1.3"},"scripts":{"start":"node server.js"}}' >package.json
    cat >server.js <<'END'
const ms = require('ms');
require('http').createServer((q, r) => r.end(`a day is ${ms('1d')} ms\n`)).listen(3000);
END
    printf 'node_modules\nnpm-debug.log\n' >.dockerignore && mkdir node_modules && echo stray >node_modules/stray
    cat >Dockerfile <<'END'
FROM debian:bookworm-slim AS node
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm ca-certificates
FROM node AS deps
WORKDIR /app
COPY package*.json ./
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=ca \
    NODE_EXTRA_CA_CERTS=/run/secrets/ca npm install --omit=dev --no-audit --no-fund
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nodejs && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=deps /app/node_modules node_modules
COPY . .
EXPOSE 3000
USER nobody
CMD ["node", "server.js"]
END
    # The authorities that this machine trusts: its way out may be through a proxy of its own.
    build -q -t node --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt .
    cloison run -d --name node node
    [ "$(served node 3000)" = 'a day is 86400000 ms' ]
    ! cloison exec node ls /app/node_modules/stray || false
    cloison rm -f node
}
