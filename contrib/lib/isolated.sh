# shellcheck shell=bash
# Long suites in a session and namespaces of their own: an interrupt at the terminal reaches only the suite's runner,
# which then clears away, and what it made in the namespaces is gone with it.

# run_isolated UNSHARE-OPTION... -- COMMAND...: returns the command's exit code when it has ended; exits when that was
# by an interrupt.
run_isolated() {
  local options=() runner status interrupted=
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  setsid unshare "${options[@]}" "$@" &
  runner=$!
  trap 'interrupted=yes; kill -INT "$runner"' INT TERM
  # A trapped signal ends the wait, not the runner.
  while :; do
    status=0
    wait "$runner" || status=$?
    kill -0 "$runner" 2>/dev/null || break
  done
  trap - INT TERM
  [ -z "$interrupted" ] || exit 130
  return "$status"
}
