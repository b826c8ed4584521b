#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The samples that people start from, made of Debian's packages through Dockerfiles, each asked through the load
# balancer: they need the network's packages and minutes.
load helper

setup_file() {
    [ -z "$(missing)" ] || return 0
    engine_setup
    export PROJECT=$BATS_FILE_TMPDIR/sample PORT=$((20000 + RANDOM % 9000))
    balancer_image
    cloison bootstrap --quiet --variant apt debian:12
}
teardown_file() {
    [ -z "${PROJECT-}" ] || cloison compose -p sample down -v -t 5 >/dev/null 2>&1 || true
    engine_teardown
}
missing() { # what keeps the tests from running
    if [ -z "${TEST_FULL-}" ]; then
        echo "installs packages for minutes: TEST_FULL=1"
    elif ! command -v caddy >/dev/null || ! command -v mmdebstrap >/dev/null; then
        echo "needs caddy and mmdebstrap"
    fi
}
setup() {
    [ -z "$(missing)" ] || skip "$(missing)"
    rm -rf "$PROJECT"
    mkdir -p "$PROJECT"
    cd "$PROJECT" || return 1
}
teardown() { cloison compose -p sample down -v -t 5 >/dev/null 2>&1 || true; }

# dockerfile FOLDER PACKAGES: an image with these packages and what standard input says.
dockerfile() {
    mkdir -p "$1"
    {
        echo FROM debian:12
        echo "RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $2"
        cat
    } >"$1/Dockerfile"
}
page() { curl -sS -k --fail --max-time 60 "https://localhost:$PORT$1"; }
says() { [ "$(page "$2")" = "$1" ]; }
up() {
    cloison compose build --quiet >build.log 2>&1 || { tail -20 build.log; return 1; }
    cloison compose up -d
}

@test "nginx before Flask with PostgreSQL" {
    dockerfile db postgresql <<'EOF'
COPY --chmod=755 start /start
VOLUME /var/lib/postgresql/15/main
USER postgres
EXPOSE 5432
CMD ["/start"]
EOF
    cat >db/start <<'EOF'
#!/bin/sh
set -e
bin=/usr/lib/postgresql/15/bin data=/tmp/data
[ -s $data/PG_VERSION ] || $bin/initdb -D $data -A scram-sha-256 --pwfile /run/secrets/db-password >/dev/null
echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
exec $bin/postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp
EOF
    dockerfile app "python3-flask python3-psycopg2" <<'EOF'
COPY app.py /app.py
CMD ["python3", "/app.py"]
EOF
    cat >app/app.py <<'EOF'
import flask
import psycopg2

app = flask.Flask(__name__)
password = open("/run/secrets/db-password").read().strip()


@app.route("/")
def count():
    with psycopg2.connect(host="db", user="postgres", password=password) as c, c.cursor() as cursor:
        cursor.execute("create table if not exists visits (at timestamp default now())")
        cursor.execute("insert into visits default values")
        cursor.execute("select count(*) from visits")
        return f"visit {cursor.fetchone()[0]}\n"


app.run(host="0.0.0.0", port=5000)
EOF
    dockerfile proxy nginx-light <<'EOF'
COPY default /etc/nginx/sites-enabled/default
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
EOF
    echo 'server { listen 80; location / { proxy_pass http://app:5000; } }' >proxy/default
    cat >compose.yaml <<EOF
name: sample
services:
  db:
    build: db
    secrets: [db-password]
    healthcheck: {test: [CMD, /usr/lib/postgresql/15/bin/pg_isready, -h, 127.0.0.1], interval: 1s, timeout: 30s, retries: 120}
  app:
    build: app
    secrets: [db-password]
    depends_on: {db: {condition: service_healthy}}
  proxy:
    build: proxy
    depends_on: [app]
    x-cloison: {publish: "https://localhost:$PORT"}
secrets: {db-password: {environment: PASSWORD}}
EOF
    export PASSWORD=hush-hush
    up
    wait_for 120 says 'visit 1' /
    says 'visit 2' /
    run cloison inspect sample-db-1 sample-app-1
    [[ $output != *hush-hush* ]]
}

@test "a Node application with Redis" {
    dockerfile app "nodejs node-redis" <<'EOF'
COPY app.js /app/app.js
ENV NODE_PATH=/usr/share/nodejs
EXPOSE 3000
CMD ["node", "/app/app.js"]
EOF
    cat >app/app.js <<'EOF'
const redis = require('redis');
const client = redis.createClient({url: 'redis://cache:6379', host: 'cache'});
client.on('error', (e) => console.error(String(e)));
if (client.connect) client.connect();
async function count() {
    if (client.connect) return client.incr('visits');
    return new Promise((done, failed) => client.incr('visits', (e, n) => e ? failed(e) : done(n)));
}
require('http').createServer(async (request, answer) => {
    answer.end(`visit ${await count()}\n`);
}).listen(3000);
EOF
    dockerfile cache redis-server <<'EOF'
VOLUME /var/lib/redis
CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/var/lib/redis"]
EOF
    cat >compose.yaml <<EOF
name: sample
services:
  cache: {build: cache, volumes: [data:/var/lib/redis]}
  app:
    build: app
    depends_on: [cache]
    x-cloison: {publish: "https://localhost:$PORT", port: 3000}
volumes: {data: }
EOF
    up
    wait_for 120 says 'visit 1' /
    says 'visit 2' /
    cloison compose stop cache # it saves what it has
    cloison compose start cache
    wait_for 120 says 'visit 3' /
}

@test "a blog in PHP with MariaDB" {
    dockerfile blog "apache2 libapache2-mod-php php-mysql" <<'EOF'
RUN rm /var/www/html/index.html
COPY index.php /var/www/html/index.php
EXPOSE 80
CMD ["apachectl", "-D", "FOREGROUND"]
EOF
    cat >blog/index.php <<'EOF'
<?php
$db = new mysqli('db', 'blog', trim(file_get_contents('/run/secrets/password')), 'blog');
$db->query('create table if not exists posts (id int auto_increment primary key, title varchar(99))');
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $insert = $db->prepare('insert into posts (title) values (?)');
    $insert->bind_param('s', $_POST['title']);
    $insert->execute();
}
foreach ($db->query('select title from posts order by id') as $post) echo $post['title'], "\n";
EOF
    dockerfile db mariadb-server <<'EOF'
COPY --chmod=755 start /start
CMD ["/start"]
EOF
    cat >db/start <<'EOF'
#!/bin/sh
set -e
[ -d /data/mysql ] || mysql_install_db --user=root --datadir=/data >/dev/null
mkdir -p /run/mysqld
cat >/init.sql <<SQL
create database if not exists blog;
create user if not exists blog@'%' identified by '$(cat /run/secrets/password)';
grant all on blog.* to blog@'%';
SQL
exec mariadbd --user=root --datadir=/data --bind-address=0.0.0.0 --init-file=/init.sql
EOF
    echo secret-words >password.txt
    cat >compose.yaml <<EOF
name: sample
services:
  db:
    build: db
    secrets: [password]
    volumes: [data:/data]
    healthcheck: {test: [CMD, mysqladmin, ping, -h, 127.0.0.1], interval: 1s, timeout: 30s, retries: 120}
  blog:
    build: blog
    secrets: [password]
    depends_on: {db: {condition: service_healthy}}
    x-cloison: {publish: "https://localhost:$PORT"}
secrets: {password: {file: password.txt}}
volumes: {data: }
EOF
    up
    wait_for 120 page /
    [ "$(curl -sSk --fail -d title=hello "https://localhost:$PORT/")" = hello ]
    cloison compose down -t 30
    cloison compose up -d # the database's volume has stayed
    wait_for 120 says hello /
}
