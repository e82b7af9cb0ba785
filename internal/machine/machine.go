// Package machine reads what this machine tells of itself in /proc and /sys.
package machine

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Line reads a file of one short line, without its end.
func Line(root fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(root, name)
	return strings.TrimSpace(strings.TrimRight(string(text), "\x00")), err
}

// Number reads a file that holds a decimal number.
func Number(root fs.FS, name string) (int, error) {
	text, err := Line(root, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("/%s: %q is not a number", name, text)
	}
	return n, nil
}
