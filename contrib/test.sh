#!/usr/bin/env bash
# Installs what the tests need on a Debian or Ubuntu machine, and runs all checks and tests.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

# What a login of root has, and a runner of jobs may lack: files that everybody may read, a home, words in English, room
# for the tests that open some thousand files, and nobody who types.
umask 022
export HOME=${HOME:-/root} LC_ALL=C.UTF-8
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 8192 ] || ulimit -n 8192 2>/dev/null || true
exec </dev/null
tmpdir=${TMPDIR:-}
[ ${#tmpdir} -le 40 ] || unset TMPDIR # the path of a socket has 107 bytes, of which the tests need sixty

for part in say packages node cri-tools private-apt newer-podman busybox isolated; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

PACKAGES=(
  ca-certificates gcc libc6-dev clang llvm iptables nftables conntrack iproute2 procps jq strace busybox-static shellcheck
  containernetworking-plugins runc crun conmon podman skopeo umoci docker-registry zstd gpg gpg-agent gpgv bsdutils tzdata
  util-linux
)

usage() {
  cat <<TEXT
usage: contrib/test.sh [--help]

Installs the tests' tools (apt, npm, cri-tools by Go), then runs the linters, the build, the unit, integration and
end-to-end tests as root, the conformance suite of the CRI, the monitor's tests under sanitizers, and its fuzzers for
a minute each. The last line is «N passed, N failed, N skipped»; the exit code is 0 only if nothing failed.
With CI=true a skipped test that contrib/known-skips.txt does not list fails too.
TEXT
}

install_tools() {
  step "Packages"
  install_packages "${PACKAGES[@]}"
  # What clang's sanitizers and fuzzers need is a package of its own since Debian 12.
  install_if_available musl-tools "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
  install_if_available runsc
  package_installed nginx-core || package_installed nginx-light || install_if_available nginx-light
  step "Node.js"
  use_node
  step "The programs of cri-tools"
  use_crictl
  # Without them only their own step fails.
  (use_critest && use_conformance_busybox) || note "the conformance suite cannot run"
  step "A newer podman"
  use_newer_podman
}

failed_steps=()

# run_step WHAT COMMAND...: goes on after a failure; the summary tells of it.
run_step() {
  local what=$1
  shift
  step "$what"
  "$@" || failed_steps+=("$what")
}

check_scripts() { shellcheck -x "$REPO"/contrib/*.sh "$REPO"/contrib/lib/*.sh "$REPO"/.ci/run; }

run_all() {
  cd "$REPO"
  step "Build"
  build_project
  run_step "Lint and types" npm run --silent check
  run_step "Shell scripts" check_scripts
  local kind
  for kind in unit integration e2e; do
    run_step "Tests: $kind" node scripts/run-tests.mjs "$kind"
  done
  run_step "Tests: conformance suite" run_isolated --net -- node --enable-source-maps dist/test/conformance/run.js
  run_step "Tests: monitor, sanitized" env CRIA_MONITOR_VARIANT=asan node scripts/run-tests.mjs monitor
  run_step "Fuzz" node scripts/fuzz.mjs
}

main() {
  need_root
  mkdir -p "$LOG_DIR"
  install_tools
  export CRIA_TEST_RESULTS=$LOG_DIR/results.jsonl
  rm -f "$CRIA_TEST_RESULTS"
  run_all
  step "Summary (logs in $LOG_DIR)"
  node scripts/summarize-tests.mjs "$CRIA_TEST_RESULTS" "${failed_steps[@]}"
}

case "${1:-}" in
  "") main ;;
  --help | -h) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
