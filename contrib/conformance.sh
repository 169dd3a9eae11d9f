#!/usr/bin/env bash
# Runs critest, the conformance suite of the CRI, against the built daemon; makes what it needs first.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

for part in say packages node cri-tools private-apt busybox; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

PACKAGES=(
  gcc libc6-dev iptables iproute2 procps util-linux busybox-static containernetworking-plugins runc crun docker-registry
  zstd
)

# In a session and a network of its own: an interrupt at the terminal reaches only the runner, which then clears away,
# and the network is gone with it.
run_suite() {
  local runner status=0
  setsid unshare --net node --enable-source-maps "$REPO/dist/test/conformance/run.js" "$@" &
  runner=$!
  trap 'kill -INT "$runner"' INT TERM
  # A trapped signal ends the wait, not the runner.
  while :; do
    status=0
    wait "$runner" || status=$?
    kill -0 "$runner" 2>/dev/null || break
  done
  return "$status"
}

main() {
  need_root
  mkdir -p "$LOG_DIR"
  step "What the conformance suite needs"
  install_packages "${PACKAGES[@]}"
  package_installed nginx-core || package_installed nginx-light || install_packages nginx-light
  use_node
  use_critest
  use_conformance_busybox
  step "Conformance suite"
  run_suite "$@"
}

main "$@"
