# shellcheck shell=bash
# Programs of Kubernetes, which Debian does not package, built from its Go module at an exact version into
# contrib/toolchain/bin.

KUBERNETES_VERSION=v1.36.3

# write_kubernetes_module FOLDER VERSION: a module that asks for Kubernetes. Its own go.mod takes its staging modules from
# folders that are not part of the module; they are published as v0.MINOR.PATCH.
write_kubernetes_module() {
  local folder=$1 version=$2 source
  source=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$source" ] || return 1
  {
    printf 'module programs\n%s\n' "$(sed -n '/^go [0-9]/p' "$source/go.mod")"
    printf 'require k8s.io/kubernetes %s\nreplace (\n' "$version"
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => \./staging/.*|\t\1 => \1 v0.${version#v1.}|p" "$source/go.mod"
    printf ')\n'
  } >"$folder/go.mod"
}

# build_kubernetes_program PROGRAM VERSION TARGET: takes minutes; the machine stays usable.
build_kubernetes_program() (
  local program=$1 version=$2 target=$3 folder
  folder=$(mktemp -d) || exit 1
  trap 'rm -rf "$folder"' EXIT
  write_kubernetes_module "$folder" "$version" && cd "$folder" || exit 1
  GOFLAGS=-mod=mod CGO_ENABLED=0 nice -n 15 go build -p 2 -trimpath \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" \
    -o "$target.new" "k8s.io/kubernetes/cmd/$program" && mv "$target.new" "$target"
)

# use_kubernetes_program PROGRAM [VERSION]: puts the program on PATH, under its own name, or as PROGRAM-VERSION where a
# version was asked for.
use_kubernetes_program() {
  local program=$1 version=${2:-$KUBERNETES_VERSION} bin=$REPO/contrib/toolchain/bin
  local target=$bin/$program-$version
  PATH=$bin:$PATH
  if [ ! -x "$target" ]; then
    use_go
    note "building $program $version with $(go version | cut -d' ' -f3); this takes some minutes"
    mkdir -p "$bin"
    logged "$LOG_DIR/$program-build.log" "building $program" build_kubernetes_program "$program" "$version" "$target"
  fi
  [ -n "${2:-}" ] || ln -sfn "$program-$version" "$bin/$program"
  note "$program $version at $target"
}
