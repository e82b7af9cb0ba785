#!/bin/bash
# The control: hosts with busybox's udhcpc, as it is by default, all of them asking
# for a lease at once. Each asks three times, three seconds apart, and again after
# 20 seconds. leases.go runs it, in process and mount namespaces of its own.
#
#   control.sh LINK CLIENTS SECONDS
#
# It prints how many got a lease within so many seconds, and after how many
# nanoseconds the last of these had it.
set -eu
link=$1 clients=$2 seconds=$3 folder=/tmp

# Nothing of this reaches the machine, and all of it is gone in the end.
mount --make-rprivate /
mount -t tmpfs none /run/netns
mount -t tmpfs none $folder
# What udhcpc runs when something happens. It configures nothing.
cat >$folder/script <<'EOF'
#!/bin/sh
[ "$1" != bound ] || date +%s%N >>/tmp/bound
EOF
chmod +x $folder/script
touch $folder/bound

# In private mode: the hosts need not hear one another.
for ((i = 1; i <= clients; i++)); do
	ip netns add "c$i"
	ip link add "c$i" link "$link" netns "c$i" type macvlan mode private
	ip -n "c$i" link set lo up
	ip -n "c$i" link set "c$i" up
done

begun=$(date +%s%N)
for ((i = 1; i <= clients; i++)); do
	nsenter --net="/run/netns/c$i" udhcpc -f -i "c$i" -s $folder/script &
done >/dev/null 2>&1 </dev/null
SECONDS=0
while ((SECONDS < seconds && $(wc -l <$folder/bound) < clients)); do
	sleep 0.05
done
last=$(sort -n $folder/bound | tail -n 1)
echo "$(wc -l <$folder/bound) $((${last:-$begun} - begun))"
