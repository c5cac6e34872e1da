# Runs a PostgreSQL cluster in a temporary directory until its own input ends: whoever started it
# holds the other end, and lets go of it however it dies.
#
# BIN, PORT, PASSWORD and SETTINGS come in the environment.
set -eu
[ -w "${TMPDIR:-/tmp}" ] || TMPDIR=/tmp
dir=$(mktemp -d "${TMPDIR:-/tmp}/clientbook-postgres.XXXXXX")
cd "$dir"

end() {
    status=$?
    [ "$status" = 0 ] || cat log >&2
    [ ! -f data/postmaster.pid ] || "$BIN/pg_ctl" -D data -m immediate stop >/dev/null
    cd /
    rm -rf "$dir"
}
trap end EXIT

(umask 077 && printf '%s' "$PASSWORD" > password)
# A locale and a zone that show where something rests on the machine's own.
"$BIN/initdb" -D data --username=clientbook --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en-US --no-sync > log 2>&1
cat >> data/postgresql.conf <<CONF
listen_addresses = '127.0.0.1'
port = $PORT
unix_socket_directories = '$dir'
max_connections = 500
$SETTINGS
CONF
"$BIN/pg_ctl" -D data -l log --wait start >/dev/null
echo ready
cat > /dev/null
