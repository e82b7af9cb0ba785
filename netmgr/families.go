package netmgr

// hasIPv4 reports whether the client has an IPv4 address.
func (c *Client) hasIPv4() bool { return c.HasLease() }

// hasIPv6 reports whether the client has a global IPv6 address.
func (c *Client) hasIPv6() bool { return false }
