package namespace

import "golang.org/x/sys/unix"

// EtcDir holds, for each namespace, a folder of files that programs inside see
// in place of those in /etc (ip-netns(8)).
const EtcDir = "/etc/netns"

// makerAttr is where a folder says who made it (xattr(7)). A file system that
// keeps a journal of its own writes it together with the folder, while a file
// made in the last seconds before a loss of power is there and empty.
const makerAttr = "trusted.lanstorm"

// SetMaker has a folder say who made it, where the file system can.
func SetMaker(dir, maker string) { _ = unix.Lsetxattr(dir, makerAttr, []byte(maker), 0) }

// Maker is who made a folder; empty when it does not say.
func Maker(dir string) string {
	text := make([]byte, 256)
	n, err := unix.Lgetxattr(dir, makerAttr, text)
	if err != nil {
		return ""
	}
	return string(text[:n])
}
