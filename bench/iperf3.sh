# Moves bytes between the namespaces of a server and a client, and prints iperf3's
# report of it. Usage: iperf3.sh server's client's address [more for the client]
server=$1 client=$2 address=$3
shift 3
ip netns exec "$server" iperf3 -s -1 -B "$address" >/dev/null &
until ip netns exec "$server" ss -Hltn | grep -q :5201; do sleep 0.1; done
exec ip netns exec "$client" iperf3 -c "$address" -J "$@"
