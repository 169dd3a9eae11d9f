# shellcheck shell=bash
# The programs of cri-tools, which Debian does not package, built from their Go module at an exact version into
# contrib/toolchain/bin: crictl, and the conformance suite of the CRI with the program that runs it in parallel.

CRI_TOOLS_VERSION=v1.36.0

use_go() {
  if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then PATH=/usr/local/go/bin:$PATH; fi
  command -v go >/dev/null || install_packages golang-go
}

# build_cri_tools ARGUMENT...: runs `go ARGUMENT...` in a copy of the module.
# `go install PACKAGE@VERSION` also asks for the module's list of versions, which not every module proxy has.
build_cri_tools() (
  local source copy
  source=$(go mod download -json "sigs.k8s.io/cri-tools@$CRI_TOOLS_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$source" ] || exit 1
  copy=$(mktemp -d)
  trap 'chmod -R u+w "$copy" && rm -rf "$copy"' EXIT
  cp -R "$source/." "$copy"
  chmod -R u+w "$copy"
  cd "$copy" || exit 1
  CGO_ENABLED=0 nice go "$@"
)

version_flag=-X=sigs.k8s.io/cri-tools/pkg/version.Version=$CRI_TOOLS_VERSION

build_crictl() {
  build_cri_tools build -trimpath -ldflags "$version_flag" -o "$1" ./cmd/crictl
}

build_critest() {
  build_cri_tools test -c -trimpath -ldflags "$version_flag" -o "$1" ./cmd/critest
}

build_ginkgo() {
  build_cri_tools build -trimpath -o "$1" github.com/onsi/ginkgo/v2/ginkgo
}

# Puts crictl on PATH. Where it cannot be built, its tests are skipped, but not in CI.
use_crictl() {
  local bin=$REPO/contrib/toolchain/bin
  PATH=$bin:$PATH
  if ! command -v crictl >/dev/null; then
    use_go
    note "building crictl $CRI_TOOLS_VERSION with $(go version | cut -d' ' -f3)"
    mkdir -p "$bin"
    if ! (logged "$LOG_DIR/crictl.log" "building crictl" build_crictl "$bin/crictl"); then
      [ "${CI:-}" != true ] || exit 1
      note "going on without crictl"
      return
    fi
  fi
  note "crictl $(crictl --version | cut -d' ' -f3) at $(command -v crictl)"
}

# Puts critest of exactly this version on PATH, and ginkgo, which critest calls for more than one process.
use_critest() {
  local bin=$REPO/contrib/toolchain/bin program
  PATH=$bin:$PATH
  for program in critest ginkgo; do
    [ ! -x "$bin/$program-$CRI_TOOLS_VERSION" ] || continue
    use_go
    note "building $program of cri-tools $CRI_TOOLS_VERSION with $(go version | cut -d' ' -f3)"
    mkdir -p "$bin"
    logged "$LOG_DIR/critest.log" "building $program" "build_$program" "$bin/$program-$CRI_TOOLS_VERSION"
  done
  for program in critest ginkgo; do ln -sfn "$program-$CRI_TOOLS_VERSION" "$bin/$program"; done
}
