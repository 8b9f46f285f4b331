#!/usr/bin/env bash
# Ctrl-C at three stages of the demo leaves no process, no port and no directory, however often it is pressed.
# Usage: interrupt.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"

demo_begin() {  # demo_begin STEP: a demo in a session of its own, as if a terminal had started it
  local folder=$STORY/$1
  mkdir -p "$folder/tmp"
  # A background job ignores SIGINT; the demo of a terminal does not.
  TMPDIR=$folder/tmp setsid env --default-signal=INT,QUIT bash "$SOURCE/tests/e2e/demo.sh" "$BIN" "$SOURCE" >"$folder/out" 2>&1 &
  DEMO[$1]=$!
}
reached() { grep -q "^\[$1/" "$STORY/$1/out"; }
ended() { ! kill -0 "$1" 2>/dev/null; }
# Whoever the demo started carries its TMPDIR, whatever session or parent it has by now.
left_running() {
  local environ
  for environ in /proc/[0-9]*/environ; do
    if grep -qzxF "TMPDIR=$STORY/$1/tmp" "$environ"; then
      tr '\0' ' ' <"${environ%environ}cmdline"; echo
    fi
  done 2>/dev/null
}
none_running() { [ -z "$(left_running "$1")" ]; }
port_closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A demo has a session of its own, so whoever ends this story does not end it.
declare -A DEMO=()
story_clean() {
  local pid
  for pid in "${DEMO[@]}"; do kill -INT -- "-$pid" && kill -CONT -- "-$pid" || :; done 2>/dev/null
  for pid in "${DEMO[@]}"; do wait "$pid" || :; done
}

for step in 3 6 9; do
  demo_begin $step
  expect "the demo came to step $step" wait_for reached $step
  kill -STOP -- "-${DEMO[$step]}"  # looked at where it is, however long that takes
  world=$(echo "$STORY/$step/tmp"/fleetsweep.*)
  ports=$(grep -ohE '127\.0\.0\.1:[0-9]+' "$world"/{controller,witness}.conf | cut -d: -f2 | sort -u)
  expect "step $step: something runs that could be left behind" test "$(left_running $step | wc -l)" -ge 3
  expect "step $step: five ports could be left behind" test "$(wc -w <<<"$ports")" = 5
  kill -INT -- "-${DEMO[$step]}"
  kill -CONT -- "-${DEMO[$step]}"
  wait_for grep -q "^interrupted in step" "$STORY/$step/out" && kill -INT -- "-${DEMO[$step]}" 2>/dev/null || :
  expect "step $step: it ends" wait_for ended "${DEMO[$step]}"
  code=0
  wait "${DEMO[$step]}" || code=$?
  unset "DEMO[$step]"
  expect "step $step: it says that it was interrupted ($code)" test $code = 130
  expect "step $step: no process is left" wait_for none_running $step || left_running $step
  for port in $ports; do expect "step $step: port $port is free again" port_closed "$port"; done
  expect "step $step: no file is left ($(find "$STORY/$step/tmp" -mindepth 1 | head -5 | tr '\n' ' '))" test -z "$(ls -A "$STORY/$step/tmp")"
done
story_end
