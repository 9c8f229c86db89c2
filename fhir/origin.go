package fhir

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// origin returns scheme, host and port of a URL, normalised so that equal origins are equal strings.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

// hostPort returns the address that a request to u connects to.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if strings.EqualFold(u.Scheme, "http") {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}

// resolve parses a URL that a server sent in its response to from. It must be http or https without user information.
// The error does not contain the URL.
func resolve(from *url.URL, link string) (*url.URL, error) {
	ref, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return nil, faultf(ErrNotFHIR, "a link cannot be parsed")
	}
	u := from.ResolveReference(ref)
	u.Fragment, u.RawFragment, u.RawQuery = "", "", escapeQuery(u.RawQuery)
	switch {
	case u.User != nil:
		return nil, faultf(ErrForeignOrigin, "a link contains user information")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, faultf(ErrForeignOrigin, "a link is neither http nor https")
	}
	return u, nil
}

// escapeQuery escapes what a request line cannot contain, and nothing else, as browsers do
// (https://url.spec.whatwg.org/#query-percent-encode-set). net/http sends a query unchanged.
func escapeQuery(query string) string {
	const digits = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' }
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// hosts is a set of host names, with or without port.
type hosts map[string]bool

func newHosts(list []string) hosts {
	h := make(hosts, len(list))
	for _, s := range list {
		h[strings.ToLower(s)] = true
	}
	return h
}

// has reports whether the set contains a host and port, or the host alone.
func (h hosts) has(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return h[address] || err == nil && h[host]
}

// special lists networks that are not public, besides private, loopback, link-local, multicast and unspecified ones
// (IANA special-purpose address registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("3fff::/20"),
}

var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4  = netip.MustParsePrefix("2002::/16")
	ipv4Old = netip.MustParsePrefix("::/96") // IPv4-compatible, deprecated
)

// public reports whether a is a public address. An IPv4 address embedded in an IPv6 one is checked as well.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		b := a.As16()
		switch {
		case nat64.Contains(a), ipv4Old.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case sixTo4.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
