#!/bin/bash
# How clients are made by hand, for comparison: a namespace, a macvlan, dhclient
# and a ping for each, all clients at once in background jobs, with the commands
# that everybody knows. others.go runs it, in process and mount namespaces of its own.
#
#   manual.sh LINK CLIENTS ROUTER
#
# It prints how many nanoseconds the making and the unmaking took, and how many
# clients got a lease and an answer.
set -u
link=$1 clients=$2 router=$3 folder=/tmp

# Nothing of this reaches the machine, and all of it is gone in the end.
mount --make-rprivate / && mount -t tmpfs none /run/netns && mount -t tmpfs none $folder || exit
# AppArmor knows dhclient by its path, and would keep it from the folder.
cp "$(command -v dhclient)" $folder/dhclient
# What dhclient does with a lease, in the namespace of its client. The script that
# dhclient comes with would also write the machine's /etc/resolv.conf.
cat >$folder/script <<'END'
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $reason in
PREINIT)
	ip link set "$interface" up
	;;
BOUND | RENEW | REBIND | REBOOT)
	ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
	for gateway in $new_routers; do
		ip route replace default via "$gateway"
		break
	done
	;;
esac
END
chmod +x $folder/script

dhclient() {
	ip netns exec "$c" $folder/dhclient -4 "$1" -cf /dev/null -sf $folder/script -pf "$folder/$c.pid" -lf "$folder/$c.leases" "$c"
}

make() {
	local c=$link-old$1
	ip netns add "$c" &&
	ip link add link "$link" name "$c" type macvlan mode bridge &&
	ip link set "$c" netns "$c" &&
	ip netns exec "$c" ip link set "$c" up &&
	dhclient -1 &&
	echo leased >>$folder/said &&
	ip netns exec "$c" ping -c 1 -W 5 "$router" &&
	echo answered >>$folder/said
}

unmake() {
	local c=$link-old$1
	dhclient -r # gives the lease back, as lanstorm does, and ends the one that got it
	ip netns delete "$c"
}

# all runs a function for every client, and says what it took.
all() {
	local begun
	begun=$(date +%s%N)
	for ((i = 1; i <= clients; i++)); do
		"$1" "$i" &
	done >>$folder/log 2>&1 </dev/null
	wait
	echo "$1 $(($(date +%s%N) - begun))"
}

touch $folder/said
all make
echo "leased $(grep -c leased $folder/said)"
echo "answered $(grep -c answered $folder/said)"
all unmake
