# shellcheck shell=bash
# apt-get beside the machine's own: its sources, lists and downloads live in a folder, and nothing is installed by it.

# The mirror that this machine uses; nothing where it is not a Debian.
debian_mirror() {
  apt-get indextargets --format "\$(REPO_URI)" "Origin: Debian" "Label: Debian" 2>/dev/null | head -n 1
}

# write_private_source FOLDER TYPE SUITE: makes the folder; TYPE is deb or deb-src.
write_private_source() {
  local folder=$1 type=$2 suite=$3 mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || return 1
  mkdir -p "$folder"/{sources,lists/partial,cache/archives/partial} || return 1
  printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$type" "$mirror" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/sources/private.sources"
}

# private_apt FOLDER ARGUMENT...
private_apt() {
  local folder=$1
  shift
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources" \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o "Dir::State::lists=$folder/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$folder/cache" \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::http::Timeout=15 -o Acquire::Retries=1 -o APT::Sandbox::User=root "$@"
}
