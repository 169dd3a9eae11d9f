# shellcheck shell=bash
# crictl, which Debian does not package, built from its Go module at an exact version into contrib/toolchain/bin.

CRICTL_VERSION=v1.36.0

use_go() {
  if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then PATH=/usr/local/go/bin:$PATH; fi
  command -v go >/dev/null || install_packages golang-go
}

# `go install PACKAGE@VERSION` also asks for the module's list of versions, which not every module proxy has.
build_crictl() (
  local target=$1 source copy
  source=$(go mod download -json "sigs.k8s.io/cri-tools@$CRICTL_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$source" ] || exit 1
  copy=$(mktemp -d)
  trap 'chmod -R u+w "$copy" && rm -rf "$copy"' EXIT
  cp -R "$source/." "$copy"
  chmod -R u+w "$copy"
  cd "$copy" || exit 1
  CGO_ENABLED=0 go build -trimpath -ldflags "-X sigs.k8s.io/cri-tools/pkg/version.Version=$CRICTL_VERSION" \
    -o "$target" ./cmd/crictl
)

# Puts crictl on PATH. Where it cannot be built, its tests are skipped, but not in CI.
use_crictl() {
  local bin=$REPO/contrib/toolchain/bin
  PATH=$bin:$PATH
  if ! command -v crictl >/dev/null; then
    use_go
    note "building crictl $CRICTL_VERSION with $(go version | cut -d' ' -f3)"
    mkdir -p "$bin"
    if ! (logged "$LOG_DIR/crictl.log" "building crictl" build_crictl "$bin/crictl"); then
      [ "${CI:-}" != true ] || exit 1
      note "going on without crictl"
      return
    fi
  fi
  note "crictl $(crictl --version | cut -d' ' -f3) at $(command -v crictl)"
}
