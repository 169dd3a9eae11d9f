# shellcheck shell=bash
# Start and stop of the quickstart's daemon, known by its pid file and proved by its command line.

PID_FILE=$ROOT/cria.pid
CONFIG=$ROOT/cria.toml
SOCKET=$ROOT/cria.sock
DAEMON_LOG=$LOG_DIR/cria.log

cria() { node --enable-source-maps "$REPO/dist/cmd/cria/main.js" --config "$CONFIG" "$@"; }
demo() { node --enable-source-maps "$REPO/dist/test/harness/demo.js" "$@"; }

# Prints the daemon's pid if the process of the pid file is this daemon: pids are used again after a reboot.
daemon_pid() {
  local pid
  pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$CONFIG" || return 1
  printf '%s\n' "$pid"
}

start_daemon() {
  local daemon waiter options
  mapfile -t options < <(node_options)
  setsid node --enable-source-maps "${options[@]}" "$REPO/dist/cmd/cria/main.js" --config "$CONFIG" >>"$DAEMON_LOG" 2>&1 </dev/null &
  daemon=$!
  printf '%s\n' "$daemon" >"$PID_FILE"
  demo wait "$SOCKET" &
  waiter=$!
  # whichever ends first: a daemon that has ended is not waited for
  if ! wait -n "$daemon" "$waiter" || ! daemon_pid >/dev/null; then
    kill "$waiter" 2>/dev/null || true
    tail -n 25 "$DAEMON_LOG" >&2
    fail "the daemon did not become ready; its log is $DAEMON_LOG"
  fi
  note "pid $daemon, socket $SOCKET, log $DAEMON_LOG"
}

# Stops the daemon; containers go on under their monitors.
stop_daemon() {
  local pid waited=0
  pid=$(daemon_pid) || return 0
  kill -TERM "$pid"
  while daemon_pid >/dev/null; do
    if [ "$waited" -ge 100 ]; then
      note "the daemon (pid $pid) did not stop in 10 s: killing it"
      kill -KILL "$pid"
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
  rm -f "$PID_FILE"
}
