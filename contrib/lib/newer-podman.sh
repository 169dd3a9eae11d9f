# shellcheck shell=bash
# podman and containers-storage of a later Debian than this one, to check the image store with what nodes will have next.
# They are unpacked below contrib/toolchain with their own C library; nothing of them is installed.

NEWER_RELEASE=trixie
NEWER_PROGRAMS=(podman containers-storage)
# What they load that this release has not, or too old.
NEWER_LIBRARIES=(
  libc6 libgpgme11t64 libassuan9 libgpg-error0 libseccomp2 libsubid5 libsqlite3-0 libselinux1 libpcre2-8-0
)

# adapt_program ROOT NAME: the program loads its libraries, and their loader, from ROOT.
adapt_program() {
  local root=$1 name=$2 loader
  loader=$(find "$root/usr/lib" -maxdepth 2 -type f -name 'ld-linux*' | head -n 1)
  [ -n "$loader" ] || return 1
  # The old kind of path, which also holds for the libraries of the libraries.
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$(dirname "$loader")" "$root/usr/bin/$name" &&
    "$root/usr/bin/$name" --help >/dev/null
}

# fetch_newer_podman ROOT: all or nothing.
fetch_newer_podman() (
  local root=$1 work package program
  work=$(mktemp -d) || exit 1
  trap 'rm -rf "$work" "$root.new"' EXIT
  write_private_source "$work" deb "$NEWER_RELEASE" && mkdir -p "$work/debs" "$root.new" || exit 1
  private_apt "$work" update && cd "$work/debs" || exit 1
  private_apt "$work" download "${NEWER_PROGRAMS[@]}" "${NEWER_LIBRARIES[@]}" || exit 1
  for package in *.deb; do dpkg-deb -x "$package" "$root.new" || exit 1; done
  rm -rf "$root"
  mv "$root.new" "$root" || exit 1
  for program in "${NEWER_PROGRAMS[@]}"; do
    adapt_program "$root" "$program" || { rm -rf "$root" && exit 1; }
  done
)

# Puts newer-podman and newer-containers-storage on PATH. Without a mirror that has them their tests are skipped.
use_newer_podman() {
  local bin=$REPO/contrib/toolchain/bin program
  local root=$bin/$NEWER_RELEASE
  PATH=$bin:$PATH
  if [ ! -x "$root/usr/bin/podman" ]; then
    install_if_available patchelf
    note "unpacking ${NEWER_PROGRAMS[*]} of Debian $NEWER_RELEASE"
    mkdir -p "$bin"
    if ! (logged "$LOG_DIR/newer-podman.log" "unpacking a newer podman" fetch_newer_podman "$root"); then
      note "going on without a newer podman"
      return
    fi
  fi
  for program in "${NEWER_PROGRAMS[@]}"; do ln -sfn "$NEWER_RELEASE/usr/bin/$program" "$bin/newer-$program"; done
  note "$("$bin/newer-podman" --version) at $bin/newer-podman"
}
