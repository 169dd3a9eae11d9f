# shellcheck shell=bash
# Node.js >= 20.19. Where the distribution's is older, the npm package node-linux-ARCH brings the binary into
# contrib/toolchain; its exact version and hash stand in the lockfile there.

node_is_enough() {
  command -v node >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

candidate_node_version() {
  apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: //p'
}

# Older npm makes no link in .bin for this package, so its own folder goes on PATH.
use_pinned_node() {
  local folder
  for folder in "$REPO"/contrib/toolchain/node_modules/node-linux-*/bin; do
    if [ -x "$folder/node" ]; then PATH=$folder:$PATH; fi
  done
  hash -r
}

install_pinned_node() {
  local toolchain=$REPO/contrib/toolchain
  note "the distribution's node is too old: taking the pinned one from the npm registry into contrib/toolchain"
  install_packages nodejs npm
  logged "$LOG_DIR/npm.log" "npm ci in contrib/toolchain" npm ci --prefix "$toolchain" --no-audit --no-fund
  use_pinned_node
  node_is_enough || fail "contrib/toolchain has no node binary that runs here ($(uname -m)); see $LOG_DIR/npm.log"
}

# Puts a good node and npm on PATH.
use_node() {
  node_is_enough || use_pinned_node
  if ! node_is_enough; then
    update_package_lists
    if dpkg --compare-versions "$(candidate_node_version)" ge 20.19; then
      install_packages nodejs
    else
      install_pinned_node
    fi
  fi
  command -v npm >/dev/null || install_packages npm
  note "node $(node --version) at $(command -v node)"
}

node_options() {
  sed '/^#/d' "$REPO/contrib/node-options"
}

# npm empties node_modules before it fills it, also through a link into another checkout: that one is left alone.
install_modules() {
  local modules=$REPO/node_modules
  if npm --prefix "$REPO" ls --all >/dev/null 2>&1; then return; fi
  [ ! -L "$modules" ] || fail "$modules is a link and not what package.json asks for: install where it points to"
  logged "$LOG_DIR/npm.log" "npm ci" npm ci --prefix "$REPO" --no-audit --no-fund
}

build_project() {
  install_modules
  logged "$LOG_DIR/build.log" "npm run build" npm --prefix "$REPO" run build
}
