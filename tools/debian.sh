# SPDX-License-Identifier: MIT
# Packages of other Debian suites, without touching the machine's own apt.
# Source it after lib.sh.
#
# Each set of suites gets its own package lists under build/apt/, read from
# the mirror this machine already uses: apt itself is asked where that is,
# so every format of sources file is understood.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# mirror_of LABEL: the URI the machine's apt uses for Debian or
# Debian-Security; empty if it uses none.
mirror_of() {
	apt-get indextargets --format '$(LABEL)|$(REPO_URI)' \
		'Created-By: Packages' | sort -u |
		sed -n "s/^$1|//p" | head -n 1
}

# sources_for SUITE...: lines of a sources list on standard output. A machine
# whose apt knows no security mirror, as a bare debootstrap makes it, does
# without: a few weeks at most are missing then. A mirror that has fallen
# behind will do as well (unstable counts as stale after a week): what is
# fetched is signed all the same.
sources_for() {
	local main security suite uri signed= always=check-valid-until=no
	main=$(mirror_of Debian)
	security=$(mirror_of Debian-Security)
	[ -n "$main" ] || die "apt's sources name no Debian mirror." \
		"Run 'apt-get update' as root, then try again."
	[ ! -r $keyring ] || signed="signed-by=$keyring "
	for suite; do
		uri=$main
		[[ $suite != *-security ]] || uri=$security
		[ -z "$uri" ] ||
			echo "deb [$signed$always arch=amd64] $uri $suite main"
	done
}

# use_suites SUITE...: from here on apt_here works on these suites.
use_suites() {
	local dir=$build/apt/$1
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	sources_for "$@" >"$dir/sources.list"
	apt_options=(
		-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State=$dir" -o "Dir::State::Lists=$dir/lists"
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache"
		-o APT::Architecture=amd64 -o APT::Sandbox::User=
		-o APT::Update::Post-Invoke-Success::=true
		-o Acquire::Languages=none
	)
	step "package lists of $1" apt-get "${apt_options[@]}" -q update ||
		die "cannot read the package lists of $*. Is the network" \
		    "there, and $keyring up to date?"
}

# unpack_packages DIR PACKAGE... [-- TAR-OPTION...]: download, unpack in DIR.
unpack_packages() {
	local dir=$1 pkgs=() deb
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		pkgs+=("$1")
		shift
	done
	shift || true
	rm -rf "$dir.deb" "$dir"
	mkdir -p "$dir.deb" "$dir"
	(cd "$dir.deb" &&
		apt-get "${apt_options[@]}" -q download "${pkgs[@]}") ||
		return 1
	for deb in "$dir.deb"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -C "$dir" -x "$@" || return 1
	done
	rm -rf "$dir.deb"
}
