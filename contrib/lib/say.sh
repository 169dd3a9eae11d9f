# shellcheck shell=bash
# How the scripts talk: progress lines, and errors that say what failed and which log file to read.

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
indented() { sed 's/^/    /'; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# logged FILE WHAT COMMAND...: runs the command with its output in the file; a failure shows the file's end and name.
logged() {
  local log=$1 what=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    fail "$what failed; the whole output is in $log"
  fi
}

need_root() {
  [ "$(id -u)" -eq 0 ] || fail "this script starts containers and must run as root"
}
