#!/usr/bin/env bash
# Puts the built program where the systemd unit looks for it. Configuration and services are left to the operator:
# docs/install.md tells how a node changes from CRI-O.
set -euo pipefail
umask 022 # what everybody may read, whatever root's shell is like

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PREFIX=/usr
DESTDIR=${DESTDIR:-}
MARK='# Written by contrib/install.sh of cria.'

for part in say node; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

usage() {
  cat <<TEXT
usage: contrib/install.sh [--prefix DIR] [--uninstall]

Installs the program of "npm ci && npm run build": DIR/lib/cria with what it needs of node_modules, DIR/bin/cria, the unit
DIR/lib/systemd/system/cria.service, DIR/share/doc/cria, and the manual pages where go-md2man is there to make them.
DIR is /usr unless said otherwise. Installing again replaces the program as a whole; a daemon that runs goes on until it
is restarted, containers in any case. No file in /etc is written, and no service is enabled, started or stopped.

--uninstall  removes these files again. Containers that run keep their monitors.

With DESTDIR in the environment all of it goes below that directory, as packages are made. A DIR/bin/cria that this script
has not written is left alone, and nothing is done.
TEXT
}

find_node() {
  node_is_enough || use_pinned_node
  node_is_enough || fail "node 20.19 or newer is not in PATH; contrib/quickstart.sh shows where to get it"
}

# Sets NODE to what the wrapper says: the node of this machine by its whole path, since a unit has another PATH, or a copy
# of the one that contrib/toolchain holds.
choose_node() {
  local program
  program=$(node -p process.execPath)
  case "$program" in
    "$REPO"/*)
      install -m 755 "$program" "$1/node"
      # shellcheck disable=SC2016
      NODE='"$home/node"'
      ;;
    *"'"*) fail "the path of node has a quotation mark: $program" ;;
    *) NODE="'$program'" ;;
  esac
}

# The packages that the program needs when it runs, by the lockfile; those of other platforms are not there.
runtime_modules() {
  node -e '
    const { packages } = JSON.parse(require("node:fs").readFileSync("package-lock.json", "utf8"));
    for (const [path, { dev, optional }] of Object.entries(packages)) {
      if (path === "" || dev || path.indexOf("node_modules/", 1) > 0) continue;
      console.log((optional ? "optional " : "needed ") + path);
    }'
}

copy_modules() {
  local target=$1 modules kind path
  modules=$(runtime_modules)
  while read -r kind path; do
    if [ -d "$path" ]; then
      mkdir -p "$target/$(dirname "$path")"
      cp -R "$path" "$target/$path"
    elif [ "$kind" = needed ]; then
      fail "$REPO/$path is missing; run npm ci first"
    fi
  done <<<"$modules"
}

copy_program() {
  local target=$1 part
  for part in bin cmd internal proto; do
    [ -d "dist/$part" ] || fail "$REPO/dist/$part is missing; run npm run build first"
    mkdir -p "$target/dist"
    cp -R "dist/$part" "$target/dist/$part"
  done
  cp package.json "$target/"
  find "$target/dist" \( -name '*.test.js' -o -name '*.map' \) -delete
  copy_modules "$target"
}

# Another program may have this name; what lies beside it is then not ours either.
require_own() {
  local program=$ROOT/bin/cria
  if [ ! -e "$program" ] && [ ! -L "$program" ]; then return; fi
  grep -qsxF -- "$MARK" "$program" || fail "$program is another program: remove it, or take another --prefix"
}

write_wrapper() {
  local options
  mapfile -t options < <(node_options)
  mkdir -p "$(dirname "$1")"
  cat >"$1.new" <<TEXT
#!/bin/sh
$MARK
home=\$(dirname "\$(readlink -f "\$0")")/../lib/cria
set -- $NODE ${options[*]} "\$home/dist/cmd/cria/main.js" "\$@"
# The mount namespace that OpenShift's kubens.service keeps for the kubelet and its container runtime. If it cannot be
# entered the daemon starts without, as CRI-O does, and says so.
if [ -n "\$KUBENSMNT" ] && nsenter --mount="\$KUBENSMNT" true; then
  set -- nsenter --mount="\$KUBENSMNT" "\$@"
  unset KUBENSMNT
fi
exec "\$@"
TEXT
  chmod 755 "$1.new"
  mv "$1.new" "$1"
}

install_manual() {
  local section
  command -v go-md2man >/dev/null || return 0
  for section in cria.8 cria.conf.5; do
    mkdir -p "$ROOT/share/man/man${section##*.}"
    go-md2man -in "docs/$section.md" -out "$ROOT/share/man/man${section##*.}/$section"
  done
}

install_all() {
  local home=$ROOT/lib/cria version
  find_node
  rm -rf "$home.new" "$home.old"
  mkdir -p "$home.new"
  copy_program "$home.new"
  choose_node "$home.new"
  chmod -R u=rwX,go=rX "$home.new"
  # Renamed, not written over: programs that run keep their files.
  if [ -e "$home" ]; then mv "$home" "$home.old"; fi
  mv "$home.new" "$home"
  rm -rf "$home.old"
  write_wrapper "$ROOT/bin/cria"
  mkdir -p "$ROOT/lib/systemd/system" "$ROOT/share/doc/cria"
  sed "s|^ExecStart=/usr/bin/cria|ExecStart=$PREFIX/bin/cria|" contrib/systemd/cria.service >"$ROOT/lib/systemd/system/cria.service"
  cp -R README.md CHANGELOG.md LICENSE docs contrib/crio.conf.d contrib/cni contrib/crictl.yaml "$ROOT/share/doc/cria/"
  install_manual
  version=$("$ROOT/bin/cria" --version) || fail "$ROOT/bin/cria does not run"
  note "$version at $ROOT/bin/cria"
  note "next: $PREFIX/share/doc/cria/docs/install.md"
}

uninstall() {
  rm -rf "$ROOT/lib/cria" "$ROOT/share/doc/cria"
  rm -f "$ROOT/bin/cria" "$ROOT/lib/systemd/system/cria.service" "$ROOT/share/man/man8/cria.8" \
    "$ROOT/share/man/man5/cria.conf.5"
  note "cria is no longer below $ROOT; its state is in run_dir and data_dir, usually /run/cria and /var/lib/cria"
}

action=install_all
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix)
      case "${2:-}" in
        *[!A-Za-z0-9/._+~-]*) fail "--prefix has a letter that a systemd unit cannot have in a path: $2" ;;
        /*) PREFIX=${2%/} ;;
        *) fail "--prefix needs an absolute path" ;;
      esac
      shift
      ;;
    --uninstall) action=uninstall ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done
case "$DESTDIR" in '' | /*) ;; *) DESTDIR=$PWD/$DESTDIR ;; esac
ROOT=$DESTDIR$PREFIX
cd "$REPO"
require_own
"$action"
