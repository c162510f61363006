# A copy of a member beside the living one. Its processes work in its directory's `run`, and are found by that, whatever became of the
# program that started them. It listens on sockets in there alone: it takes no port, and no other host can reach it.

# copy_processes DIR: PIDS of the copy in it.
copy_processes() {
  PIDS=
  for comm in /proc/[0-9]*/comm; do
    read -r name <"$comm" 2>/dev/null || continue
    # etcd, and what becomes etcd at its start.
    case $name in etcd | sh | dash | bash | busybox | setsid | timeout | nice | ionice | setpriv | env) ;; *) continue ;; esac
    pid=${comm#/proc/}
    pid=${pid%/comm}
    case $(readlink -- "/proc/$pid/cwd" 2>/dev/null) in "$1/run" | "$1/run (deleted)") PIDS="$PIDS $pid" ;; esac
  done
}

# end_copy DIR: nothing of it is worth an orderly end.
end_copy() {
  looks=100
  copy_processes "$1"
  while [ -n "$PIDS" ]; do
    changed
    [ "$looks" -gt 0 ] || fail "processes of the copy in \`$1\` do not end:$PIDS"
    looks=$((looks - 1))
    kill -s KILL $PIDS 2>/dev/null
    sleep 0.1
    copy_processes "$1"
  done
}

# remove_copy DIR
remove_copy() {
  protected "$1"
  end_copy "$REAL"
  [ -e "$1" ] || [ -L "$1" ] || return 0
  # Made a moment before its mark, and nothing is in it.
  if [ ! -L "$1" ] && rmdir -- "$1" 2>/dev/null; then
    changed
    return 0
  fi
  [ -d "$1" ] && [ ! -L "$1" ] && [ -e "$1/.runbook-scratch" ] || fail "\`$1\` is there and was not made by a rehearsal"
  must rm -rf -- "$1"
  changed
  # Where there was no member there may have been no place for its data.
  remove_made "$(readlink -f -- "${1%/*}/")"
}

# prepare_copy DIR USER
prepare_copy() {
  dir=$1 user=$2
  # This order, the restore in it too, waits for the living member.
  renice -n 19 -g 0 >/dev/null 2>&1
  ! command -v ionice >/dev/null || ionice -c 3 -P 0 2>/dev/null
  # The lock of rehearsals is this run's: what others left is left for good.
  for old in "${dir%"$RUN"}"*; do
    [ ! -e "$old/.runbook-scratch" ] || remove_copy "$old"
  done
  remove_copy "$dir"
  make_dir_above "$dir"
  # Root's own: nobody else may put anything in the place of what is written there.
  must mkdir -m 711 -- "$dir"
  : >"$dir/.runbook-scratch"
  must mkdir -m 700 -- "$dir/run"
  if [ -n "$user" ] && [ "$(id -un)" != "$user" ]; then must chown -- "$user:" "$dir/run"; fi
  changed
}

# ask_copy DIR ETCDCTL ARGUMENTS...: SAID
ask_copy() {
  a_dir=$1 a_tool=$2
  shift 2
  SAID=$(cd "$a_dir/run" && env -i PATH="$PATH" ETCDCTL_API=3 timeout 30 "$a_tool" --endpoints=unix://client:1 "$@" 2>"$D/$I.asked")
}

# The first number of that name in etcd's JSON, as text: ids do not fit into a shell's numbers.
number_of() {
  NUMBER=
  case $SAID in *"\"$1\":"[0-9]*) NUMBER=${SAID#*"\"$1\":"} NUMBER=${NUMBER%%[!0-9]*} ;; esac
}

# launch_copy DIR ETCD NAME USER QUOTA LIFE
launch_copy() {
  umask 077
  dir=$1
  log=$dir/etcd.log
  set -- "$2" "$3" "$4" "$5" "$6"
  other=
  if [ -n "$3" ] && [ "$(id -un)" != "$3" ]; then other=1; fi
  (
    cd "$dir/run" || exit 126
    # Of the two it is the copy that goes when memory is short, and that waits for processor and disk.
    printf '1000\n' >/proc/self/oom_score_adj
    etcd=$1 name=$2 user=$3 quota=$4 life=$5
    set -- env -i PATH="$PATH" "ETCD_NAME=$name" "ETCD_DATA_DIR=$dir/data" "ETCD_QUOTA_BACKEND_BYTES=$quota" \
      ETCD_LISTEN_CLIENT_URLS=unix://client:1 ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:1 ETCD_LISTEN_PEER_URLS=unix://peer:1 \
      ETCD_ENABLE_GRPC_GATEWAY=false "$etcd"
    [ -z "$other" ] || set -- setpriv --reuid "$user" --regid "$(id -gn -- "$user")" --init-groups --inh-caps=-all --no-new-privs "$@"
    ! command -v ionice >/dev/null || set -- ionice -c 3 "$@"
    exec setsid timeout -s KILL "$life" nice -n 19 "$@"
  ) </dev/null >"$log" 2>&1 &
  PID=$!
  start_of "$PID"
  PSTART=$START
  changed
}

# start_copy DIR ETCD ETCDCTL NAME USER QUOTA WAIT LIFE
start_copy() {
  dir=$1 etcdctl=$3 wait=$7
  protected "$dir"
  [ -d "$dir/data/member" ] || fail "there is no copy in \`$dir\`"
  [ -x "$2" ] || fail "there is no program \`$2\`"
  [ -x "$3" ] || fail "there is no tool \`$3\`"
  copy_processes "$REAL"
  if [ -n "$PIDS" ]; then
    PID=${PIDS# }
    PID=${PID%% *}
    start_of "$PID"
    PSTART=$START
  else
    launch_copy "$dir" "$2" "$4" "$5" "$6" "$8"
  fi
  until=$(($(date +%s) + wait))
  while :; do
    if [ -S "$dir/run/client:1" ] && ask_copy "$dir" "$etcdctl" endpoint status -w json; then
      number_of leader
      case $NUMBER in '' | 0) ;; *) return 0 ;; esac
    fi
    if ! alive "$PID" "$PSTART"; then
      tail -n 20 -- "$dir/etcd.log"
      fail 'the copy ended before it served'
    fi
    if [ "$(date +%s)" -ge "$until" ]; then
      tail -n 20 -- "$dir/etcd.log"
      fail "the copy did not serve within $wait s"
    fi
    sleep 0.1
  done
}

asked() {
  ask_copy "$@" && return
  status=$?
  cat -- "$D/$I.asked"
  fail 'the copy gives no answer' "$status"
}

# read_copy DIR ETCDCTL CLUSTER_ID REVISION KEYS
read_copy() {
  asked "$1" "$2" endpoint status -w json
  number_of cluster_id
  [ "$NUMBER" = "$3" ] || fail "what answers is cluster ${NUMBER:-unknown}, not the copy's ($3)"
  number_of revision
  # Leases that end raise it.
  [ "${NUMBER:-0}" -ge "$4" ] || fail "the copy is at revision ${NUMBER:-0}, the snapshot leads to $4"
  [ -n "$5" ] || return 0
  # Through raft: the copy commits.
  asked "$1" "$2" get '' --prefix --limit=1 --keys-only --rev="$4" -w json
  number_of count
  [ "${NUMBER:-0}" = "$5" ] || fail "the copy holds ${NUMBER:-0} keys at revision $4, the snapshot $5"
  printf 'revision %s, %s keys\n' "$4" "$5"
}
