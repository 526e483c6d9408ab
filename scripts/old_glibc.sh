#!/bin/sh
# Unpack the C library of Debian 11 (glibc 2.31) and what compiling with it takes into a directory, for
# the tests of programs that bring an older libc than this system has. Nothing is installed: apt has
# folders of its own here. Without apt, or without that release, this says so and does not fail.
set -u
target=$1
part=$target.part

give_up() {
    rm -rf "$part"
    echo "There is no older glibc here ($1): the tests with it will be skipped."
    exit 0
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "no apt"
mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 !~ /-/ && $3 == "main" { print $4; exit }')
[ -n "$mirror" ] || give_up "no mirror of Debian"

rm -rf "$part"
mkdir -p "$part/lists/partial" "$part/archives/partial" "$part/tree"
part=$(cd "$part" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror bullseye main" >"$part/sources.list"

apt_here() {
    (cd "$part" && timeout 120 apt-get -q \
        -o Dir::State::lists="$part/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$part" \
        -o Dir::Etc::sourcelist="$part/sources.list" -o Dir::Etc::sourceparts=- \
        -o APT::Sandbox::User="$(id -un)" "$@") >"$part/log" 2>&1
}

apt_here update || give_up "no package lists"
apt_here download libc6 libc6-dev linux-libc-dev || give_up "no packages"
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
