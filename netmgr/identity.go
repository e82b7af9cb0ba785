package netmgr

import (
	"crypto/sha256"
	"net"
	"os"
	"strings"
)

// MostClients is how many clients of one machine can be told apart: a MAC address
// has room for as many numbers.
const MostClients = 1<<16 - 1

// machineID identifies this machine from one boot to the next (machine-id(5)),
// or at least from the next machine of the LAN where there is none.
func machineID() (string, error) {
	if id, err := os.ReadFile("/etc/machine-id"); err == nil && len(strings.TrimSpace(string(id))) > 0 {
		return string(id), nil
	}
	return os.Hostname()
}

// clientMAC is the address of client i of a machine: locally administered and
// unicast (02), three bytes of the machine, two of the client. It is the same
// on every run, so that a router's lease table does not fill with ghosts. The
// machine's identity goes through a hash because machine-id(5) wants it kept
// from the network.
func clientMAC(machine string, i int) net.HardwareAddr {
	sum := sha256.Sum256([]byte("lanstorm " + machine))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], byte(i >> 8), byte(i)}
}
