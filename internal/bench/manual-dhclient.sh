#!/bin/sh
# What dhclient does with a lease, in the namespace of its client. The script
# that dhclient comes with would also write the machine's /etc/resolv.conf.
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
