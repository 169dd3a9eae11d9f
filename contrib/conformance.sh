#!/usr/bin/env bash
# Runs critest, the conformance suite of the CRI, against the built daemon; makes what it needs first.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

for part in say packages node cri-tools private-apt busybox isolated; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

PACKAGES=(
  gcc libc6-dev iptables iproute2 procps util-linux busybox-static containernetworking-plugins runc crun docker-registry
  zstd
)

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
  run_isolated --net -- node --enable-source-maps "$REPO/dist/test/conformance/run.js" "$@"
}

main "$@"
