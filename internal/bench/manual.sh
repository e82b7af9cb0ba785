#!/bin/bash
# How clients are made by hand, for comparison: a namespace, a macvlan, dhclient
# and a ping for each, all clients at once in background jobs, with the commands
# that everybody knows. manual.go runs it, and tidies up after it.
#
#   manual.sh LINK CLIENTS PREFIX ROUTER FOLDER DHCLIENT
#
# FOLDER is empty but for manual-dhclient.sh. It prints how many nanoseconds the
# making and the unmaking took, and how many clients got a lease and an answer.
set -u
link=$1 clients=$2 prefix=$3 router=$4 folder=$5 dhclient=$6

make() {
	local c=$prefix$1
	ip netns add "$c" &&
	ip link add link "$link" name "$c" type macvlan mode bridge &&
	ip link set "$c" netns "$c" &&
	ip netns exec "$c" ip link set "$c" up &&
	ip netns exec "$c" "$dhclient" -4 -1 -cf /dev/null -sf "$folder/manual-dhclient.sh" \
		-pf "$folder/$c.pid" -lf "$folder/$c.leases" "$c" &&
	echo leased >>"$folder/said" &&
	ip netns exec "$c" ping -c 1 -W 5 "$router" &&
	echo answered >>"$folder/said"
}

unmake() {
	local c=$prefix$1
	# Gives the lease back, as lanstorm does, and ends the one that got it.
	ip netns exec "$c" "$dhclient" -4 -r -cf /dev/null -sf "$folder/manual-dhclient.sh" \
		-pf "$folder/$c.pid" -lf "$folder/$c.leases" "$c"
	ip netns delete "$c"
}

# all runs a function for every client, and says what it took.
all() {
	local begun
	begun=$(date +%s%N)
	for ((i = 1; i <= clients; i++)); do
		"$1" "$i" &
	done >>"$folder/log" 2>&1 </dev/null
	wait
	echo "$1 $(($(date +%s%N) - begun))"
}

touch "$folder/said"
all make
echo "leased $(grep -c leased "$folder/said")"
echo "answered $(grep -c answered "$folder/said")"
all unmake
