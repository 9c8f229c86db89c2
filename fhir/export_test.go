package fhir

import (
	"context"
	"net"
)

// SetDial replaces the network for the host of the base URL.
func (c *Client) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.net.dialRaw = dial
}

// SetDial replaces the network for the host of the token endpoint.
func (b *BackendServices) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	b.client.SetDial(dial)
}
