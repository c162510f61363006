# Files that arrive on this program's own input, one after the other, each taken by an exact read.

begin_uploads() {
  frame hello
  state
  fence
  D=$S/runs/$RUN/$KEY
  [ -z "$STEP" ] || await_forward
  (umask 077 && mkdir -p "$D") || { frame error; printf '%s' "cannot write in $D"; frame end; exit 0; }
  if [ -s "$D/exit" ]; then
    read -r _ _ _ nonce <"$D/started"
    frame nonce "$nonce"
    read -r status <"$D/exit"
    frame receipt "$status"
    cat "$D/live"
    frame end
    exit 0
  fi
  # Should the connection end, its receipt can be read all the same.
  (umask 077 && printf '%s\n' "$N" >"$D/nonce" && : >"$D/live")
}

# upload_step INDEX FUNCTION
upload_step() {
  run "$@"
  frame 'end' "$1" "$rc" >>"$D/live"
}

end_uploads() {
  printf '0 0 0 %s\n' "$N" >"$D/started"
  printf '0\n' >"$D/exit"
  frame stopped
  frame end
  exit 0
}

# The rate of openssl's SHA-256 is several times that of coreutils'.
digest() {
  if command -v openssl >/dev/null; then sum=$(openssl dgst -sha256 -r); else sum=$(sha256sum); fi
  printf '%s' "${sum%% *}"
}

part_of() {
  [ ! -d "$1" ] || fail "\`$1\` is a directory"
  make_dir_above "$1"
  PART=${1%/*}/.runbook-$RUN.${1##*/}.part
}

# put PART DEST MODE OWNER GROUP: a complete file becomes the file.
put() {
  access "$1" "$3" "$4" "$5"
  must sync -- "$1"
  note_new "$2"
  # A connection that ends before this is heard must not make it look as if it had been there before.
  : >"$D/$I.put"
  must mv -fT -- "$1" "$2"
  must sync -- "${2%/*}/"
  changed
}

# The file is there: by this order, perhaps, over an earlier connection.
found() { [ ! -e "$D/$I.put" ] || changed; }

# A directory that this run made, by this order perhaps, over an earlier connection, counts as made.
sent_directory() {
  directory "$@"
  [ ! -e "$S/runs/$RUN/made" ] || ! grep -qxF -- "$(readlink -f -- "$1")" "$S/runs/$RUN/made" || changed
}

# Whether the file is there already: then nothing is written beside it either.
is_there() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %s -- "$1")" = "$3" ] && [ "$(digest <"$1")" = "$2" ]
}

# take_small DEST SHA256 SIZE MODE OWNER GROUP: the bytes come whether they are wanted or not.
take_small() {
  if is_there "$@"; then
    head -c "$3" >/dev/null
    found
    access "$1" "$4" "$5" "$6"
    return
  fi
  part_of "$1"
  rm -f -- "$PART"
  (umask 077 && head -c "$3" >"$PART") || fail "\`$PART\` cannot be written"
  [ "$(stat -c %s -- "$PART")" = "$3" ] || fail "the connection ended inside \`$1\`"
  [ "$(sha256 "$PART")" = "$2" ] || fail "\`$1\` arrived damaged"
  put "$PART" "$1" "$4" "$5" "$6"
}

# take_large DEST SHA256 SIZE MODE OWNER GROUP: asks for what is missing.
take_large() {
  if is_there "$@"; then
    frame have "$I"
    found
    access "$1" "$4" "$5" "$6"
    return
  fi
  part_of "$1"
  offset=0 prefix=none
  if [ -f "$PART" ] && [ ! -L "$PART" ]; then
    offset=$(stat -c %s -- "$PART")
    if [ "$offset" -le "$3" ]; then prefix=$(digest <"$PART"); else offset=0; fi
  fi
  frame want "$I" "$offset" "$prefix"
  # The answer: where the sender begins. `read` takes a byte at a time.
  read -r offset || fail "the connection ended inside \`$1\`"
  umask 077
  [ "$offset" != 0 ] || { rm -f -- "$PART"; : >"$PART" || fail "\`$PART\` cannot be written"; }
  dd bs=256K iflag=fullblock,count_bytes count=$(($3 - offset)) oflag=append conv=notrunc of="$PART" status=none
  umask 022
  size=$(stat -c %s -- "$PART")
  [ "$size" = "$3" ] || fail "\`$1\` did not arrive whole: $size of $3 bytes (is the disk full?)"
  # Read once more from memory while it goes to the disk: passing it on through pipes on its way in costs twice as much as that.
  sync -- "$PART" &
  got=$(digest <"$PART")
  wait $! || fail "\`$PART\` cannot be brought to the disk" $?
  if [ "$got" != "$2" ]; then
    rm -f -- "$PART"
    fail "\`$1\` arrived damaged, or the file changed while it was sent"
  fi
  put "$PART" "$1" "$4" "$5" "$6"
}
