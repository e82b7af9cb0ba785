package netmgr

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Cmd is an exec.Cmd that starts inside a client's namespace. Only the methods
// below start it there.
type Cmd struct {
	*exec.Cmd
	start func(*exec.Cmd) error
	done  func()
}

// Command prepares a program to run as `ip netns exec` would run it: in the
// client's network, with the client's resolv.conf. It is killed when ctx ends
// and when the client is cleaned up.
func (c *Client) Command(ctx context.Context, name string, args ...string) *Cmd {
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(c.life, cancel)
	return &Cmd{
		Cmd:   exec.CommandContext(ctx, name, args...),
		start: c.StartCommand,
		done:  func() { unlink(); cancel() },
	}
}

// Start is exec.Cmd.Start inside the namespace.
func (c *Cmd) Start() error {
	if c.Err != nil { // the program was not found
		c.done()
		return c.Err
	}
	err := c.start(c.Cmd)
	if err != nil {
		c.done()
	}
	return err
}

// Wait is exec.Cmd.Wait.
func (c *Cmd) Wait() error {
	defer c.done()
	return c.Cmd.Wait()
}

// Run is exec.Cmd.Run inside the namespace.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns what it wrote to standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// StartCommand is exec.Cmd.Start inside the client's namespace. KillPrograms, which
// is part of Cleanup, ends the program and its children.
func (c *Client) StartCommand(cmd *exec.Cmd) error {
	c.m.programs.Store(true)
	if err := c.ownResolvConf(); err != nil {
		return err
	}
	return c.ns.Start(cmd)
}

// KillPrograms ends all that was started inside the client's namespace.
func (c *Client) KillPrograms() error { return namespace.KillPrograms(c.ns) }

// Received is how many bytes the client's link has received.
func (c *Client) Received() (int64, error) {
	h, err := c.ns.Netlink()
	if err != nil {
		return 0, err
	}
	defer h.Close()
	link, err := h.LinkByIndex(c.index)
	if err != nil || link.Attrs().Statistics == nil {
		return 0, fmt.Errorf("tester: the link %s tells nothing: %w", c.Link, err)
	}
	return int64(link.Attrs().Statistics.RxBytes), nil
}
