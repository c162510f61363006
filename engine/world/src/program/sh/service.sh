# What systemd says of a unit: LOAD ACTIVE SUB RESTARTS TYPE.
unit_state() {
  LOAD= ACTIVE= SUB= RESTARTS=0 TYPE=
  shown=$(systemctl show -p LoadState -p ActiveState -p SubState -p NRestarts -p Type -- "$1.service") ||
    fail 'systemd does not answer' $?
  while IFS= read -r shown_line; do
    case $shown_line in
      LoadState=*) LOAD=${shown_line#*=} ;;
      ActiveState=*) ACTIVE=${shown_line#*=} ;;
      SubState=*) SUB=${shown_line#*=} ;;
      NRestarts=*) RESTARTS=${shown_line#*=} ;;
      Type=*) TYPE=${shown_line#*=} ;;
    esac
  done <<STATE
$shown
STATE
}

# Ends the action with what systemd and the journal know.
unit_failed() {
  unit_state "$1"
  systemctl status --no-pager --full --lines=0 -- "$1.service" 2>&1
  journalctl --unit="$1.service" --lines=30 --no-pager --output=cat 2>&1
  fail "\`$1.service\` $2; it is $ACTIVE ($SUB), restarted $RESTARTS times" "$3"
}

# service_systemd UNIT STATE ENABLED WAIT
service_systemd() {
  [ -d /run/systemd/system ] || fail 'systemd does not run on this host'
  unit_state "$1"
  # From the disk: the manager's own word may be from before its last reload.
  FILE=
  [ -z "$3" ] || FILE=$(systemctl is-enabled -- "$1.service" 2>/dev/null)
  case $LOAD.$2 in
    not-found.stopped | masked.stopped) [ "$ACTIVE" = active ] || return 0 ;;
    not-found.*) fail "there is no unit \`$1.service\`" ;;
    masked.*) fail "\`$1.service\` is masked" ;;
  esac
  at_boot=
  case $3.$FILE in
    yes.enabled | yes.static | yes.generated | yes.alias | no.disabled | no.static | no.not-found | no. | .*) ;;
    yes.*) at_boot=enable ;;
    no.*) at_boot=disable ;;
  esac
  if [ -n "$at_boot" ]; then
    must systemctl --quiet --no-reload "$at_boot" -- "$1.service"
    changed
  fi
  case $2 in
    stopped) unit_stop "$1" "$4" ;;
    running) [ "$ACTIVE" = active ] || unit_start start "$1" "$4" ;;
    restarted) unit_start restart "$1" "$4" ;;
  esac
  [ -z "$at_boot" ] || tell_systemd
}

# Files settle what starts at boot. To have systemd itself read them takes it a tenth of a second in which it answers nobody: it does so
# when the run is past its next steps, and nobody waits for it.
tell_systemd() { (sleep 2; systemctl daemon-reload) >/dev/null 2>&1 & }

unit_stop() {
  case $ACTIVE in inactive | failed) return ;; esac
  changed
  timeout "$2" systemctl stop -- "$1.service" || unit_failed "$1" "did not stop within $2 s" $?
  unit_state "$1"
  case $ACTIVE in inactive | failed) ;; *) unit_failed "$1" 'did not stop' ;; esac
}

unit_start() {
  changed
  # A crash loop of an earlier time would make systemd refuse this start.
  systemctl reset-failed -- "$2.service" 2>/dev/null
  # A member that finds no leader is up, and never reports so.
  if [ "$3" = 0 ]; then
    systemctl --no-block "$1" -- "$2.service" || unit_failed "$2" 'did not start' $?
    return
  fi
  timeout "$3" systemctl "$1" -- "$2.service"
  status=$?
  case $status in
    0) ;;
    124) unit_failed "$2" "was not active within $3 s" $status ;;
    *) unit_failed "$2" 'did not start' $status ;;
  esac
  unit_state "$2"
  before=$RESTARTS looks=0
  # A service that reports its readiness has shown that it runs; any other is watched for a second.
  case $TYPE in notify | notify-reload | dbus | oneshot) looks=9 ;; esac
  while [ "$looks" -lt 10 ]; do
    unit_state "$2"
    [ "$ACTIVE.$TYPE" = inactive.oneshot ] || [ "$ACTIVE" = active ] || unit_failed "$2" 'did not stay active'
    [ "$RESTARTS" = "$before" ] || unit_failed "$2" 'restarts in a loop'
    looks=$((looks + 1))
    [ "$looks" = 10 ] || sleep 0.1
  done
}

# A plain process: UNIT.pid in its directory holds its id and start.

# PID and whether it runs.
process_alive() {
  PID= PSTART=
  [ -r "$1" ] && read -r PID PSTART <"$1" && [ -n "$PSTART" ] && alive "$PID" "$PSTART"
}

# service_process UNIT STATE WAIT BINARY CONFIG RUN_DIR
service_process() {
  pid_file=$6/$1.pid
  case $2 in
    stopped) process_stop "$pid_file" "$3" "$1" ;;
    running) process_alive "$pid_file" || process_start "$@" ;;
    restarted)
      process_stop "$pid_file" "$3" "$1"
      process_start "$@"
      ;;
  esac
}

process_stop() {
  process_alive "$1" || { rm -f -- "$1"; return 0; }
  changed
  kill -TERM "$PID"
  process_gone $(($2 * 20)) || { kill -KILL "$PID"; process_gone 100 || fail "process $PID of \`$3\` does not end"; }
  rm -f -- "$1"
}

# process_gone LOOKS: within so many twentieths of a second.
process_gone() {
  looks=$1
  while alive "$PID" "$PSTART"; do
    [ "$looks" -gt 0 ] || return 1
    looks=$((looks - 1))
    sleep 0.05
  done
}

process_start() {
  [ -x "$4" ] || fail "there is no program \`$4\`"
  [ -r "$5" ] || fail "there is no settings file \`$5\`"
  make_dir "$6"
  log=$6/$1.log
  (
    cd / || exit 126
    read_settings "$5"
    exec setsid "$4" </dev/null >>"$log" 2>&1
  ) &
  PID=$!
  # The start does not change when the shell becomes the program.
  start_of "$PID"
  PSTART=$START
  printf '%s %s\n' "$PID" "$PSTART" >"$6/.$1.pid" && mv -fT -- "$6/.$1.pid" "$6/$1.pid" || fail "\`$6/$1.pid\` cannot be written"
  changed
  # Wrong settings end etcd within a few hundredths of a second.
  looks=6
  while [ "$looks" -gt 0 ]; do
    sleep 0.05
    looks=$((looks - 1))
    alive "$PID" "$PSTART" && continue
    tail -n 20 -- "$log"
    rm -f -- "$6/$1.pid"
    fail "\`$1\` ended right after its start"
  done
}

# As systemd reads an EnvironmentFile: KEY=VALUE lines, comments, quotes around the value, in double quotes \ before \ " $ `; nothing is
# expanded.
read_settings() {
  while IFS= read -r setting || [ -n "$setting" ]; do
    while :; do case $setting in ' '* | '	'*) setting=${setting#?} ;; *) break ;; esac; done
    case $setting in
      '' | '#'* | ';'*) continue ;;
      *=*) ;;
      *) continue ;;
    esac
    key=${setting%%=*} value=${setting#*=}
    case $key in '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
    while :; do case $value in *' ' | *'	') value=${value%?} ;; *) break ;; esac; done
    case $value in
      \"*\") value=${value#\"} value=${value%\"} && unescape ;;
      \'*\') value=${value#\'} value=${value%\'} ;;
    esac
    export "$key=$value"
  done <"$1"
}

unescape() {
  plain=
  while :; do
    case $value in
      *\\*) ;;
      *) break ;;
    esac
    plain=$plain${value%%\\*}
    value=${value#*\\}
    case $value in
      [\\\"\$\`]*)
        after=${value#?}
        plain=$plain${value%"$after"}
        value=$after
        ;;
      *) plain=$plain\\ ;;
    esac
  done
  value=$plain$value
}
