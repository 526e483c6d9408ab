#!/bin/sh
# Unpack packages of a release of Debian into a directory, for tests that need what this system does not
# have: an older C library, another machine's Python. Nothing is installed: apt has folders of its own
# here. Without apt, or without that release, this says so and does not fail.
#
#   sh scripts/debian_tree.sh DIRECTORY RELEASE ARCHITECTURE PACKAGE ...
#
# No dependency is followed: name every package. ARCHITECTURE may be "native".
set -u
target=$1
release=$2
architecture=$3
shift 3
part=$target.part

give_up() {
    rm -rf "$part"
    echo "There is no $(basename "$target") here ($1): the tests with it will be skipped."
    exit 0
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "no apt"
[ "$architecture" != native ] || architecture=$(dpkg --print-architecture)
mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 !~ /-/ && $3 == "main" { print $4; exit }')
[ -n "$mirror" ] || give_up "no mirror of Debian"

rm -rf "$part"
mkdir -p "$part/lists/partial" "$part/archives/partial" "$part/tree"
part=$(cd "$part" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $release main" >"$part/sources.list"

apt_here() {
    (cd "$part" && timeout 120 apt-get -q \
        -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o Dir::State::lists="$part/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$part" \
        -o Dir::Etc::sourcelist="$part/sources.list" -o Dir::Etc::sourceparts=- \
        -o APT::Sandbox::User="$(id -un)" "$@") >"$part/log" 2>&1
}

apt_here update || give_up "no package lists"
apt_here download "$@" || give_up "no packages"
for package in "$part"/*.deb; do
    dpkg-deb -x "$package" "$part/tree" || give_up "a package that is no package"
done
# The linker takes no link that leads out of the directory.
for link in "$part"/tree/lib64/*; do
    case $(readlink "$link") in /*) ln -sfn "..$(readlink "$link")" "$link" ;; esac
done
rm -rf "$target"
mv "$part/tree" "$target" || give_up "$target cannot be written"
touch "$target" # it has the time of a package, and make would want it anew
rm -rf "$part"
