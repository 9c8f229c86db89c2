package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
)

// Proxy is a TCP proxy in this process that can cut every connection and swallow the reply to one
// message. Any goroutine may use it.
type Proxy struct {
	// Address is where it listens: host:port.
	Address string

	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu        sync.Mutex
	cut       bool
	swallow   []byte
	skip      int
	swallowed int
	open      map[net.Conn]bool
}

// NewProxy starts a proxy in front of an address.
func NewProxy(ctx context.Context, target string) (*Proxy, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("chaos: proxy: %w", err)
	}
	p := &Proxy{Address: l.Addr().String(), target: target, l: l, open: map[net.Conn]bool{}}
	p.wg.Go(p.serve)
	return p, nil
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	err := p.l.Close()
	p.Cut()
	p.wg.Wait()
	return err
}

// Cut closes all connections and, until Mend, each new one.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.open {
		_ = c.Close()
	}
}

// Mend lets connections through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

// SwallowReply drops one reply of the server and closes its connection: the reply to a client's message that contains
// text, after skip such messages.
func (p *Proxy) SwallowReply(text string, skip int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow, p.skip = []byte(text), skip
}

// Swallowed says how many replies were swallowed.
func (p *Proxy) Swallowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallowed
}

func (p *Proxy) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.track(client, server) {
			continue
		}
		c := &proxied{p: p, client: client, server: server}
		p.wg.Go(c.requests)
		p.wg.Go(c.replies)
	}
}

// track adds a pair of connections. It returns false if it had to close them.
func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.cut {
			_ = c.Close()
		} else {
			p.open[c] = true
		}
	}
	return !p.cut
}

// wanted says whether the reply to a message is the one to drop. It returns true once.
func (p *Proxy) wanted(message []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.swallow == nil || !bytes.Contains(message, p.swallow) {
		return false
	}
	if p.skip > 0 {
		p.skip--
		return false
	}
	p.swallow = nil
	p.swallowed++
	return true
}

type proxied struct {
	p              *Proxy
	client, server net.Conn
	mu             sync.Mutex
	swallowing     bool
}

func (c *proxied) close() {
	_ = c.client.Close()
	_ = c.server.Close()
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	delete(c.p.open, c.client)
	delete(c.p.open, c.server)
}

func (c *proxied) requests() {
	defer c.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.client.Read(buf)
		if err != nil {
			return
		}
		if c.p.wanted(buf[:n]) {
			c.mu.Lock()
			c.swallowing = true
			c.mu.Unlock()
		}
		if _, err := c.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (c *proxied) replies() {
	defer c.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.server.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		swallow := c.swallowing
		c.mu.Unlock()
		if swallow {
			return // the server has answered: what it was asked for is done
		}
		if _, err := c.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
