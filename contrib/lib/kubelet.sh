# shellcheck shell=bash
# The kubelet, which Debian does not package, built from its Go module at an exact version into contrib/toolchain/bin.

KUBELET_VERSION=v1.36.3

# write_kubelet_module FOLDER: a module that asks for Kubernetes. Its own go.mod takes its staging modules from folders
# that are not part of the module; they are published as v0.MINOR.PATCH.
write_kubelet_module() {
  local folder=$1 source
  source=$(go mod download -json "k8s.io/kubernetes@$KUBELET_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$source" ] || return 1
  {
    printf 'module kubelet\n%s\n' "$(sed -n '/^go [0-9]/p' "$source/go.mod")"
    printf 'require k8s.io/kubernetes %s\nreplace (\n' "$KUBELET_VERSION"
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => \./staging/.*|\t\1 => \1 v0.${KUBELET_VERSION#v1.}|p" "$source/go.mod"
    printf ')\n'
  } >"$folder/go.mod"
}

# build_kubelet TARGET: takes minutes; the machine stays usable.
build_kubelet() (
  local target=$1 folder
  folder=$(mktemp -d) || exit 1
  trap 'rm -rf "$folder"' EXIT
  write_kubelet_module "$folder" && cd "$folder" || exit 1
  GOFLAGS=-mod=mod CGO_ENABLED=0 nice -n 15 go build -trimpath \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$KUBELET_VERSION" \
    -o "$target.new" k8s.io/kubernetes/cmd/kubelet && mv "$target.new" "$target"
)

# Puts the kubelet of exactly this version on PATH.
use_kubelet() {
  local bin=$REPO/contrib/toolchain/bin
  PATH=$bin:$PATH
  if [ ! -x "$bin/kubelet-$KUBELET_VERSION" ]; then
    use_go
    note "building the kubelet $KUBELET_VERSION with $(go version | cut -d' ' -f3); this takes some minutes"
    mkdir -p "$bin"
    logged "$LOG_DIR/kubelet-build.log" "building the kubelet" build_kubelet "$bin/kubelet-$KUBELET_VERSION"
  fi
  ln -sfn "kubelet-$KUBELET_VERSION" "$bin/kubelet"
  note "$("$bin/kubelet" --version) at $bin/kubelet"
}
