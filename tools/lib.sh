# SPDX-License-Identifier: MIT
# What the scripts in tools/ share; source it, do not run it.
#
# Every step a user waits for is announced when it starts and closed with
# the time it took. Messages go to standard error: standard output belongs
# to results.

export LC_ALL=C

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# step TEXT COMMAND...: run COMMAND quietly; its output shows if it fails.
step() {
	local text=$1 log start status=0
	shift
	log=$(mktemp)
	start=$EPOCHREALTIME
	printf '  %-52s' "$text" >&2
	"$@" >"$log" 2>&1 || status=$?
	if [ $status = 0 ]; then
		printf '%6.1f s\n' "$(elapsed "$start")" >&2
	else
		printf 'failed\n' >&2
		tail -n 40 "$log" >&2
	fi
	rm -f "$log"
	return $status
}

# elapsed START: seconds since START, a value of $EPOCHREALTIME.
elapsed() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# installed PACKAGE...: are all of these Debian packages installed?
installed() {
	local n
	n=$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null |
		grep -cx installed) || true
	[ "$n" -eq $# ]
}

# as_root COMMAND...: run COMMAND as root, through sudo where needed.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}
