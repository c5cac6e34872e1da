# Runs etcd and two nodes of PostgreSQL under Patroni in a temporary directory until its own input
# ends: whoever started it holds the other end, and lets go of it however it dies. Meanwhile it does
# what the lines of the pipe `control` say: `die`, `crash`, `freeze`, `thaw` or `start`, and a node.
#
# BIN (PostgreSQL's programs), PASSWORD, CONFIGURATION (the text of patroni.yml) and the ports ETCD,
# PEER, PORT_A, REST_A, PORT_B and REST_B come in the environment.
set -eu
[ -w "${TMPDIR:-/tmp}" ] || TMPDIR=/tmp
DIR=$(mktemp -d "${TMPDIR:-/tmp}/clientbook-failover.XXXXXX")
cd "$DIR"
patroni_a= patroni_b=

# The number of the process that wrote the node's lock file, if it still lives.
postmaster() {
    pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || return 0
    if [ -d "/proc/$pid" ]; then echo "$pid"; fi
}

patroni() {
    if [ "$1" = a ]; then echo "$patroni_a"; else echo "$patroni_b"; fi
}

# A process and those it has started, which it is first kept from adding to.
family() {
    [ -n "$1" ] || return 0
    kill -STOP "$1" 2>/dev/null || return 0
    echo "$1" $(ps -o pid= --ppid "$1")
}

# Sends a signal to processes, of which some may just have ended.
signal() {
    name=$1
    shift
    for pid in "$@"; do kill -"$name" "$pid" 2>/dev/null || true; done
}

start() {
    if [ "$1" = a ]; then PORT=$PORT_A REST=$REST_A; else PORT=$PORT_B REST=$REST_B; fi
    mkdir -p -m 700 "$1"
    (umask 077 && printf '%s\n' "$CONFIGURATION" | sed \
        -e "s|\$NODE|$1|" -e "s|\$REST|$REST|" -e "s|\$ETCD|$ETCD|" -e "s|\$DIR|$DIR|" \
        -e "s|\$NODE|$1|" -e "s|\$PORT|$PORT|" -e "s|\$BIN|$BIN|" -e "s|\$PASSWORD|$PASSWORD|" \
        > "$1/patroni.yml")
    command patroni "$1/patroni.yml" >> "$1.log" 2>&1 4>&- &
    if [ "$1" = a ]; then patroni_a=$!; else patroni_b=$!; fi
}

end() {
    for node in a b; do
        signal KILL $(family "$(patroni $node)") $(family "$(postmaster $node)")
    done
    signal KILL $etcd $(family "$watcher")
    # What Patroni's helpers have started in turn, such as the other half of a pg_basebackup.
    signal KILL $(ps -eo pid=,args= | awk -v dir="$DIR/" 'index($0, dir) && !/awk/ { print $1 }')
    for log in *.log; do
        echo "==> $log"
        cat "$log"
    done >&2
    cd /
    # One that is just ending may still write.
    rm -rf "$DIR" || { sleep 1 && rm -rf "$DIR"; }
}

cat > post_bootstrap.sh <<SQL
"$BIN/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 "\$1" <<'END'
CREATE ROLE clientbook LOGIN PASSWORD '$PASSWORD';
CREATE DATABASE clientbook OWNER clientbook;
END
SQL
etcd --name etcd --data-dir etcd --enable-v2 --initial-cluster "etcd=http://127.0.0.1:$PEER" \
    --listen-client-urls "http://127.0.0.1:$ETCD" --advertise-client-urls "http://127.0.0.1:$ETCD" \
    --listen-peer-urls "http://127.0.0.1:$PEER" \
    --initial-advertise-peer-urls "http://127.0.0.1:$PEER" > etcd.log 2>&1 &
etcd=$!
watcher=
trap end EXIT
trap 'exit 143' HUP INT TERM
mkfifo -m 600 control
exec 3<&0
(cat <&3 > /dev/null; echo end end > control) &
watcher=$!
exec 4<>control
start a
start b
echo "$DIR/control"
while read -r what node <&4; do
    case $what in
        # The machine: everything at once.
        die) signal KILL $(family "$(postmaster "$node")") "$(patroni "$node")" ;;
        # The database alone.
        crash) signal KILL $(family "$(postmaster "$node")") ;;
        # The machine stops answering, and closes nothing.
        freeze)
            frozen="$(patroni "$node") $(family "$(postmaster "$node")")"
            signal STOP $frozen
            ;;
        thaw) signal CONT $frozen ;;
        start) start "$node" ;;
        end) exit 0 ;;
    esac
done
