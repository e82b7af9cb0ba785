package nstest

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

//go:embed nginx.conf
var nginxConf string

// Nginx runs nginx at an address, where start puts it: a file of so many bytes as
// /file.zip, and a sink for uploads as /upload. It returns when nginx serves.
func Nginx(at string, size int64, start func(*exec.Cmd) error) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "lanstorm-nginx-")
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("$1", dir, "$2", at).Replace(nginxConf)
	cmd := exec.Command("nginx", "-e", "stderr", "-c", dir+"/conf")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	err = errors.Join(os.WriteFile(dir+"/conf", []byte(text), 0o644), os.WriteFile(dir+"/file.zip", nil, 0o644), os.Truncate(dir+"/file.zip", size), start(cmd))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // at once, if it did not start
	stop = func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
		<-ended
		_ = os.RemoveAll(dir)
	}
	for end := time.Now().Add(20 * time.Second); err == nil; time.Sleep(10 * time.Millisecond) {
		conn, no := net.Dial("unix", dir+"/sink") // the last of its sockets
		if no == nil {
			return stop, conn.Close()
		}
		if time.Now().After(end) {
			err = fmt.Errorf("nginx does not serve: %w", no)
		}
	}
	stop()
	return nil, err
}
