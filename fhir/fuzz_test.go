package fhir

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func FuzzBundle(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"resourceType":"Bundle"}`, `{"resourceType":"Bundle","entry":null,"link":null}`,
		`{"resourceType":"Bundle","link":[{"relation":"next","url":"?x"},{"relation":"self"},1],"entry":[{"resource":{"resourceType":"Patient","id":"1","meta":{"versionId":"2"}},"search":{"mode":"match"},"fullUrl":"u"},{},1]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]},"search":{"mode":"outcome"}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{}}]}`, `{"resourceType":"Bundle","entry":[`, "\ufeff{}", `{"resourceType":"Bundle","entry":{"resource":1}}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":7}}]}`, `<html>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := parseBundle(body)
		parseOutcome(body) // must not panic
		if err != nil {
			var fault *fault
			if !errors.As(err, &fault) {
				t.Errorf("error of another type: %v", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Error("accepted what is not JSON")
		}
		for _, e := range b.entries {
			if !json.Valid(e.raw) || !strings.Contains(string(body), string(e.raw)) {
				t.Errorf("entry %q", e.raw)
			}
			if cap(e.raw) != len(e.raw) {
				t.Error("appending to an entry would overwrite its neighbour")
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "1.5", "soon", "99999999999999999999", "Sat, 01 Jan 2000 00:00:03 GMT", "Saturday, 01-Jan-00 00:00:03 GMT", "Sat Jan  1 00:00:03 2000", " 7 ", "+7", "0x10"} {
		f.Add(seed, "")
		f.Add(seed, "Sat, 01 Jan 2000 00:00:00 GMT")
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		got, ok := retryAfter(h, now)
		if got < 0 || got > 366*24*time.Hour || (!ok && got != 0) {
			t.Errorf("retryAfter(%q) = %v, %v", value, got, ok)
		}
		c := &Client{cfg: Config{}.withDefaults()}
		for attempt := range 70 {
			pause := c.backoff(attempt, &http.Response{StatusCode: 503, Header: h})
			if limit := DefaultMaxRetryAfter + max(DefaultMaxRetryAfter/4, DefaultMaxBackoff); pause < 0 || pause > limit {
				t.Errorf("backoff(%d) = %v", attempt, pause)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	const never = -1
	tests := []struct {
		value, date string
		want        time.Duration
	}{
		{"0", "", 0},
		{"120", "", 120 * time.Second},
		{" 7 ", "", 7 * time.Second},
		{"", "", never},
		{"-5", "", never},
		{"1.5", "", never},
		{"soon", "", never},
		{"999999999999999999999", "", 365 * 24 * time.Hour},
		{"Sat, 01 Jan 2000 00:00:10 GMT", "", 10 * time.Second},
		{"Saturday, 01-Jan-00 00:00:10 GMT", "", 10 * time.Second}, // RFC 850
		{"Sat Jan  1 00:00:10 2000", "", 10 * time.Second},         // asctime
		{"Fri, 31 Dec 1999 23:00:00 GMT", "", 0},
		{"Sat, 01 Jan 2000 05:00:10 GMT", "Sat, 01 Jan 2000 05:00:00 GMT", 10 * time.Second}, // the clocks differ
	}
	for _, tt := range tests {
		got, ok := retryAfter(http.Header{"Retry-After": {tt.value}, "Date": {tt.date}}, now)
		if !ok {
			got = never
		}
		if got != tt.want {
			t.Errorf("retryAfter(%q, Date %q) = %v, want %v", tt.value, tt.date, got, tt.want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"transactionTime":"2021-01-01T00:00:00Z","output":[]}`,
		`{"transactionTime":"2021-01-01T00:00:00Z","requiresAccessToken":false,"output":[{"type":"Patient","url":"https://h/1","count":7}],"deleted":[{"type":"Bundle","url":"d"}],"error":[{"url":"e"}],"link":[{"relation":"next","url":"?2"}],"extension":{"x":1}}`,
		`{"transactionTime":"0000-01-01T00:00:00Z","output":[]}`, `{"transactionTime":"x","output":null}`, `{"output":[{"type":"../x","url":"u"}]}`,
		`{"transactionTime":"2021-01-01T00:00:00Z","output":[{"type":"Patient","url":"u","count":-1}]}`,
		`{"transactionTime":"2021-01-01T00:00:00Z","output":[{"type":"Patient","url":"u","count":1e3}]}`,
		`{"resourceType":"OperationOutcome"}`, `{"transactionTime":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseManifest(body)
		if err != nil {
			var fault *fault
			if !errors.As(err, &fault) {
				t.Errorf("error of another type: %v", err)
			}
			return
		}
		for _, file := range m.files {
			if !isType(file.typ) || file.url == "" || file.count < -1 {
				t.Errorf("file %+v", file)
			}
		}
		if name := new(exporter).folder(m); strings.ContainsAny(name, "/\\") || len(name) != 35 {
			t.Errorf("folder %q", name)
		}
	})
}
