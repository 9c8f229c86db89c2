package fhir

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"8.8.8.8":                true,
		"93.184.216.34":          true,
		"2606:4700::1111":        true,
		"127.0.0.1":              false,
		"127.8.8.8":              false,
		"0.0.0.0":                false,
		"0.1.2.3":                false,
		"10.1.2.3":               false,
		"172.16.0.1":             false,
		"172.31.255.255":         false,
		"172.32.0.1":             true,
		"192.168.1.1":            false,
		"169.254.169.254":        false, // metadata service of clouds
		"100.64.0.1":             false,
		"192.0.0.8":              false,
		"198.18.0.1":             false,
		"203.0.113.7":            false,
		"224.0.0.1":              false,
		"240.0.0.1":              false,
		"255.255.255.255":        false,
		"::":                     false,
		"::1":                    false,
		"fe80::1":                false,
		"fe80::1%eth0":           false,
		"fc00::1":                false,
		"fd12:3456::1":           false,
		"fec0::1":                false,
		"ff02::1":                false,
		"2001:db8::1":            false,
		"::ffff:10.0.0.1":        false, // IPv4-mapped
		"::ffff:169.254.169.254": false,
		"::ffff:8.8.8.8":         true,
		"::10.0.0.1":             false, // IPv4-compatible
		"64:ff9b::a00:1":         false, // NAT64 of 10.0.0.1
		"64:ff9b::808:808":       true,
		"2002:a00:1::1":          false, // 6to4 of 10.0.0.1
		"2002:7f00:1::":          false,
		"2001::1":                false, // Teredo
		"64:ff9b:1::1":           false,
	}
	for text, want := range tests {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("public(%s) = %v, want %v", text, got, want)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"https://fhir.example.org/r4", "https://fhir.example.org/other?x", true},
		{"https://fhir.example.org", "HTTPS://FHIR.EXAMPLE.ORG:443/", true},
		{"http://h", "http://h:80", true},
		{"https://h", "http://h", false},
		{"https://h", "https://h:8443", false},
		{"https://h", "https://h.example.org", false},
		{"https://h", "https://x.h", false},
		{"http://h:443", "https://h", false},
		{"https://h.", "https://h", true},
		{"http://[::1]:80/", "http://[::1]/", true},
		{"http://[::1]/", "http://[::2]/", false},
	}
	for _, tt := range tests {
		a, err := url.Parse(tt.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := url.Parse(tt.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := origin(a) == origin(b); got != tt.want {
			t.Errorf("%s and %s: same origin %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestParseBase(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://fhir.example.org/r4":    "https://fhir.example.org/r4",
		" https://fhir.example.org/r4/ ": "https://fhir.example.org/r4",
		"http://localhost:8080/fhir//":   "http://localhost:8080/fhir",
		"https://h":                      "https://h",
		"https://h/a%2Fb/":               "https://h/a%2Fb",
		"":                               "",
		"fhir.example.org":               "",
		"/fhir":                          "",
		"ftp://h":                        "",
		"https://":                       "",
		"https://user:CANARY@h/":         "",
		"https://h/?key=CANARY":          "",
		"https://h/#CANARY":              "",
		"https://h:CANARY/":              "",
		"https://bücher.example/":        "",
		"http:CANARY":                    "",
	} {
		u, err := parseBase(in)
		got := ""
		if err == nil {
			got = u.String()
		} else if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("parseBase(%q): the error holds the URL: %v", in, err)
		}
		if got != want {
			t.Errorf("parseBase(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}
