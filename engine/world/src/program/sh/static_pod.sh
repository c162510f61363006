# A static pod of the kubelet's: it runs while its manifest stands in the directory that the kubelet reads. Each of these takes
# NAME MANIFEST ASIDE WAIT.

pod_stopped() {
  kept=$3/${2##*/}
  pod_port "$1" "$2" "$kept"
  visible=
  ! pod_runs "$1" || visible=1
  if [ -e "$2" ]; then
    [ ! -e "$kept" ] || fail "both \`$2\` and \`$kept\` are there: one of them has to be moved away by hand"
    changed
    [ -d "$3" ] || must mkdir -m 700 -- "$3"
    # On one file system: the whole manifest is here or there, whatever happens, and no byte of it is written.
    must mv -T -- "$2" "$kept"
    must sync -- "$3" "${2%/*}" "${3%/*}"
  fi
  looks=$(($4 * 5))
  # Where its process cannot be seen from here (a runtime with virtual machines), its port can.
  while pod_runs "$1" || { [ -z "$visible" ] && pod_listens; }; do
    [ "$looks" -gt 0 ] || fail "\`$1\` still runs $4 s after its manifest was taken away: does the kubelet run?"
    looks=$((looks - 1))
    sleep 0.2
  done
}

pod_running() {
  kept=$3/${2##*/}
  if [ ! -e "$2" ]; then
    # What an earlier run keeps: names of runs begin with the time, so that the last is the newest.
    [ -e "$kept" ] || for found in "${2%/*}".runbook-*/"${2##*/}"; do
      [ ! -e "$found" ] || kept=$found
    done
    [ -e "$kept" ] || fail "there is no \`$2\`, and no run keeps it beside that directory"
    changed
    must mv -T -- "$kept" "$2"
    must sync -- "${2%/*}" "${kept%/*}"
  fi
  # Nothing is left of what kept it; one that keeps another pod's manifest stays.
  rmdir -- "${kept%/*}" 2>/dev/null
  pod_port "$1" "$2"
  looks=$(($4 * 5))
  until pod_is_up "$1"; do
    [ "$looks" -gt 0 ] || fail "\`$1\` does not run $4 s after its manifest came back: does the kubelet run?"
    looks=$((looks - 1))
    sleep 0.2
  done
}

# Where it is known to listen, it is up when it does.
pod_is_up() { if [ -n "$PORT" ]; then pod_listens; else pod_runs "$1"; fi; }

# pod_port NAME MANIFEST...: PORT, in hexadecimal as the kernel lists it; empty where the pod is not known to listen.
pod_port() {
  pod=$1 PORT=
  shift
  for manifest do
    [ -r "$manifest" ] || continue
    PORT=$(sed -n 's/^.*--secure-port=\([0-9]\{1,5\}\).*$/\1/p' -- "$manifest" | head -n 1)
    break
  done
  case $pod.$PORT in kube-apiserver.) PORT=6443 ;; esac
  [ -z "$PORT" ] || PORT=$(printf '%04X' "$PORT")
}

pod_listens() { [ -n "$PORT" ] && grep -q ":$PORT [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null; }

# Whether a process of this name lives, in whatever container: the kernel keeps 15 characters of it.
pod_runs() {
  short=$(printf '%.15s' "$1")
  for comm in /proc/[0-9]*/comm; do
    read -r name <"$comm" 2>/dev/null && [ "$name" = "$short" ] || continue
    comm=${comm%/comm}
    start_of "${comm#/proc/}" || continue
    case ${START_LINE##*) } in Z* | X*) ;; *) return 0 ;; esac
  done
  return 1
}
