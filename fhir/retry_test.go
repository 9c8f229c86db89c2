package fhir_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// piped runs f in a synctest bubble, against a server in memory.
func piped(t *testing.T, cfg fhir.Config, f func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client), opts ...fhirtest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := fhirtest.NewPipe(t, opts...)
		defer s.Close()
		c, err := fhir.NewClient(s.URL(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDial(s.Dial)
		defer c.CloseIdleConnections()
		f(t, s, c)
	})
}

// passing are the faults that pass: a retry gets the right answer.
var passing = map[string]fhirtest.Answer{
	"429 with seconds":              fhirtest.Throttled("2"),
	"429 with a date":               fhirtest.Throttled("Sat, 01 Jan 2000 00:00:03 GMT"),
	"429 without Retry-After":       fhirtest.Throttled(""),
	"429 with a bad Retry-After":    fhirtest.Throttled("soon"),
	"429 with an enormous wish":     fhirtest.Throttled("99999999999999999999999"),
	"429 without a FHIR body":       fhirtest.Status(429),
	"503 with seconds":              fhirtest.Busy(503, "2"),
	"503 without Retry-After":       fhirtest.Busy(503, ""),
	"502 with seconds":              fhirtest.Busy(502, "2"),
	"500":                           fhirtest.Outcome(500, "exception", "NullPointerException"),
	"408":                           fhirtest.HTML(408),
	"504 with HTML":                 fhirtest.HTML(504),
	"connection reset":              fhirtest.Reset(),
	"no HTTP":                       fhirtest.Garbage("hello\r\n\r\n"),
	"body cut, length known":        fhirtest.Cut(500),
	"body cut after its head":       fhirtest.Cut(0),
	"body cut, net/http is silent":  fhirtest.CutSilently(500),
	"empty body, Connection: close": fhirtest.CutSilently(0),
	"no header ever":                fhirtest.StallHeader(),
	"body stalls":                   fhirtest.StallBody(500),
	"200, transient outcome":        fhirtest.Outcome(200, "transient", ""),
	"200, throttled outcome":        fhirtest.Outcome(200, "throttled", ""),
	"200, lock error":               fhirtest.Outcome(200, "lock-error", ""),
}

func TestRetriesHealWhatPasses(t *testing.T) {
	t.Parallel()
	for name, fault := range passing {
		for where, prefix := range map[string]string{"first page": "Patient", "later page": "?"} {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				fault := fault // each test changes its own
				piped(t, fhir.Config{PageSize: 10}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
					if prefix == "?" {
						fault.Match = func(r *http.Request) bool { return r.URL.Query().Get("_getpagesoffset") == "20" }
					}
					s.Next(fault.Repeat(3))
					wantAll(t, c, 35, nil)
					if got := len(s.Requests()); got != 7 {
						t.Errorf("%d requests, want 4 pages + 3 retries", got)
					}
				}, fhirtest.Patients(35))
			})
		}
	}
}

func TestGzipCutIsHealed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 5, 60} {
		piped(t, fhir.Config{}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
			s.Configure(func(b *fhirtest.Behaviour) { b.Gzip = true })
			s.Next(fhirtest.Answer{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: gzipped(`{"resourceType":"Bundle","type":"searchset","total":1,"id":"q"}`)[:n]})
			wantAll(t, c, 3, nil)
			if got := len(s.Requests()); got != 2 {
				t.Errorf("cut at %d: %d requests, want 2", n, got)
			}
		}, fhirtest.Patients(3))
	}
}

func TestLastErrorKeepsTheOutcome(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault   fhirtest.Answer
		kind    error
		status  int
		class   string
		outcome string
		after   time.Duration
	}{
		{fhirtest.Busy(429, "17"), fhir.ErrThrottled, 429, "throttled", "error throttled", 17 * time.Second},
		{fhirtest.Busy(503, ""), fhir.ErrUnavailable, 503, "unavailable", "error throttled", 0},
		{fhirtest.Outcome(500, "exception", "HAPI-0389: oops"), fhir.ErrUnavailable, 500, "unavailable", "error exception HAPI-0389", 0},
		{fhirtest.HTML(502), fhir.ErrUnavailable, 502, "unavailable", "", 0},
		{fhirtest.Reset(), fhir.ErrConnection, 0, "", "", 0},
		{fhirtest.CutSilently(40), fhir.ErrTruncated, 200, "invalid_answer", "", 0},
		{fhirtest.StallHeader(), fhir.ErrStalled, 0, "timeout", "", 0},
		{fhirtest.StallBody(40), fhir.ErrStalled, 200, "timeout", "", 0},
		{fhirtest.Outcome(200, "throttled", ""), fhir.ErrThrottled, 200, "throttled", "error throttled", 0},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, tt.kind), func(t *testing.T) {
			t.Parallel()
			piped(t, fhir.Config{MaxRetries: 3}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
				s.Always(tt.fault)
				got, err := patients(t, c.Search(t.Context(), "Patient", nil))
				var e *fhir.Error
				if !errors.As(err, &e) || !errors.Is(err, tt.kind) {
					t.Fatalf("Search: %v, %v, want %v", got, err, tt.kind)
				}
				if e.Status != tt.status || e.Attempts != 4 || e.ResourceType != "Patient" || e.Method != "GET" || e.RetryAfter != tt.after {
					t.Errorf("error = %#v", e)
				}
				outcome := ""
				if e.Outcome != nil {
					outcome = e.Outcome.String()
				}
				if outcome != tt.outcome {
					t.Errorf("outcome %q, want %q", outcome, tt.outcome)
				}
				if got := e.ErrorClass(); got != tt.class {
					t.Errorf("ErrorClass = %q, want %q", got, tt.class)
				}
				if len(s.Requests()) != 4 {
					t.Errorf("%d requests, want 4", len(s.Requests()))
				}
			}, fhirtest.Patients(3))
		})
	}
}

func TestNotRetried(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault fhirtest.Answer
		kind  error
	}{
		{fhirtest.Outcome(400, "invalid", ""), fhir.ErrRejected},
		{fhirtest.Status(401), fhir.ErrUnauthorized},
		{fhirtest.Status(403), fhir.ErrForbidden},
		{fhirtest.Status(404), fhir.ErrNotFound},
		{fhirtest.Status(410), fhir.ErrGone},
		{fhirtest.Status(501), fhir.ErrUnavailable},
		{fhirtest.Status(204), fhir.ErrNotFHIR},
		{fhirtest.HTML(200), fhir.ErrNotFHIR},
		{fhirtest.Outcome(200, "exception", ""), fhir.ErrOutcome},
		{fhirtest.JSON(`[]`), fhir.ErrNotFHIR},
		{fhirtest.JSON(`{}`), fhir.ErrNotFHIR},
		{fhirtest.JSON(`{"resourceType":"Patient"}`), fhir.ErrNotFHIR},
		{fhirtest.JSON(`{"resourceType":"Bundle"}}`), fhir.ErrNotFHIR},
		{fhirtest.JSON(`{"resourceType":"Bundle","entry":[],"entry":[]}`), fhir.ErrNotFHIR},
		{fhirtest.Answer{Header: http.Header{"Content-Encoding": {"br"}}}, fhir.ErrNotFHIR},
		{fhirtest.Deep(9000), fhir.ErrTooLarge},
		{fhirtest.Bomb(1 << 24), fhir.ErrTooLarge},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, tt.kind), func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t)
			s.Always(tt.fault)
			c := newClient(t, s.URL(), fhir.Config{})
			got, err := patients(t, c.Search(t.Context(), "Patient", nil))
			if !errors.Is(err, tt.kind) || len(got) != 0 {
				t.Errorf("Search: %v, %v, want %v", got, err, tt.kind)
			}
			if got := len(s.Requests()); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	const cap = 10 * time.Second
	tests := []struct {
		name      string
		fault     fhirtest.Answer
		low, high time.Duration
	}{
		{"seconds", fhirtest.Throttled("4"), 4 * time.Second, 5 * time.Second},
		{"HTTP date", fhirtest.Throttled("Sat, 01 Jan 2000 00:00:04 GMT"), 4 * time.Second, 5 * time.Second},
		{"date in the past", fhirtest.Throttled("Fri, 31 Dec 1999 23:59:00 GMT"), 0, time.Second},
		{"above the cap", fhirtest.Throttled("3600"), cap, cap + cap/4},
		{"none", fhirtest.Throttled(""), 0, time.Second},
		{"502 with seconds", fhirtest.Busy(502, "4"), 4 * time.Second, 5 * time.Second},
		{"reset", fhirtest.Reset(), 0, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := fhir.Config{MinBackoff: time.Second, MaxRetryAfter: cap, Clock: func() time.Time {
				return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
			}}
			pauses := make(map[time.Duration]bool)
			for range 20 {
				piped(t, cfg, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
					fault := tt.fault
					s.Next(fault)
					start := time.Now()
					if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
						t.Errorf("Read: %v", err)
					}
					took := time.Since(start)
					if took < tt.low || took > tt.high {
						t.Errorf("took %v, want between %v and %v", took, tt.low, tt.high)
					}
					pauses[took] = true
				}, fhirtest.Patients(1))
			}
			if len(pauses) < 15 {
				t.Errorf("only %d different pauses of 20: jitter is missing", len(pauses))
			}
		})
	}
}

func TestPausesGrowAndAreCapped(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{MaxRetries: 40, MinBackoff: time.Second, MaxBackoff: 8 * time.Second}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		s.Always(fhirtest.Status(500))
		start := time.Now()
		if _, err := c.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrUnavailable) {
			t.Errorf("Read: %v", err)
		}
		// The mean of 40 pauses of at most 8 s is 4 s.
		if took := time.Since(start); took < 60*time.Second || took > 40*8*time.Second {
			t.Errorf("40 retries took %v", took)
		}
	})
}

func TestRetryBudget(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fhirtest.Answer{
		"500":                            fhirtest.Status(500),
		"503 that may come back at once": fhirtest.Busy(503, "0"),
		"503 with a date in the past":    fhirtest.Busy(503, "Fri, 31 Dec 1999 23:00:00 GMT"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			piped(t, fhir.Config{}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
				s.Always(fault)
				const calls = 200
				for range calls {
					if _, err := c.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrUnavailable) {
						t.Fatalf("Read: %v", err)
					}
				}
				retries := len(s.Requests()) - calls
				if retries < 50 || retries > 50+calls/5+1 {
					t.Errorf("%d retries for %d calls, want a reserve of 50 and a fifth of the calls at most", retries, calls)
				}
			})
		})
	}
}

func TestProbeIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"500", "429 with seconds", "503 without Retry-After", "connection reset", "body cut after its head", "no header ever"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			piped(t, fhir.Config{}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
				s.Next(passing[name])
				if _, err := c.Probe(t.Context()); err == nil {
					t.Error("got a statement, want the fault")
				}
				if got := len(s.Requests()); got != 1 {
					t.Errorf("%d requests, want 1", got)
				}
				if statement, err := c.Probe(t.Context()); err != nil || statement.FHIRVersion != "4.0.1" {
					t.Errorf("afterwards: %v, %v; want 4.0.1", statement, err)
				}
			})
		})
	}
}

func TestCallerEndsTheWaiting(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fhirtest.Answer{
		"during a pause": fhirtest.Throttled("100"), "during a stall": fhirtest.StallHeader(), "during a body": fhirtest.StallBody(10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			piped(t, fhir.Config{}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
				s.Always(fault)
				ctx, cancel := contextWithTimeout(t, 3*time.Second)
				defer cancel()
				start := time.Now()
				_, err := patients(t, c.Search(ctx, "Patient", nil))
				if err != ctx.Err() || err == nil {
					t.Errorf("Search: %v, want the context's error", err)
				}
				if took := time.Since(start); took != 3*time.Second {
					t.Errorf("took %v, want 3s", took)
				}
			}, fhirtest.Patients(3))
		})
	}
}

func TestSlowDripIsEnded(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{MaxRetries: -1}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		s.Always(fhirtest.Drip(10 * time.Second))
		start := time.Now()
		_, err := c.Read(t.Context(), "Patient", "p1")
		if !errors.Is(err, fhir.ErrStalled) {
			t.Errorf("Read: %v, want ErrStalled", err)
		}
		if took := time.Since(start); took != fhir.DefaultTimeout {
			t.Errorf("took %v, want %v", took, fhir.DefaultTimeout)
		}
	}, fhirtest.Patients(1))
}

func TestSlowConsumerIsNoStall(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{PageSize: 1}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		n := 0
		for _, err := range c.Search(t.Context(), "Patient", nil) {
			if err != nil {
				t.Fatalf("Search: %v", err)
			}
			<-time.After(time.Hour)
			n++
		}
		if n != 5 {
			t.Errorf("%d patients, want 5", n)
		}
	}, fhirtest.Patients(5))
}

func TestConcurrencyAdapts(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{MaxConcurrent: 8, MaxRetries: 20}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		read := func(n int) {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
						t.Errorf("Read: %v", err)
					}
				})
			}
			wg.Wait()
		}
		s.Always(fhirtest.Slow(time.Second))
		read(40)
		if got := s.MaxInFlight(); got != 8 {
			t.Errorf("%d requests at a time, want 8", got)
		}
		// An overloaded host: it refuses all eight, then serves.
		s.Next(fhirtest.Busy(503, "5").Repeat(8))
		read(8)
		s.ResetMaxInFlight()
		read(6)
		if got := s.MaxInFlight(); got >= 8 || got < 1 {
			t.Errorf("after 503: %d requests at a time, want fewer than 8", got)
		}
		read(100) // it recovers
		s.ResetMaxInFlight()
		read(40)
		if got := s.MaxInFlight(); got != 8 {
			t.Errorf("after recovery: %d requests at a time, want 8", got)
		}
	}, fhirtest.Patients(1))
}

func TestRetryAfterHoldsBackOtherRequests(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		s.Next(fhirtest.Throttled("30"))
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
				t.Errorf("Read: %v", err)
			}
		})
		synctest.Wait()
		if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
			t.Errorf("Read: %v", err)
		}
		if took := time.Since(start); took < 30*time.Second {
			t.Errorf("another request went out %v after a Retry-After of 30 s", took)
		}
		wg.Wait()
	}, fhirtest.Patients(1))
}

func TestParametersAreNotChanged(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(1))
	c := newClient(t, s.URL(), fhir.Config{})
	params := url.Values{"gender": {"female"}}
	if _, err := patients(t, c.Search(t.Context(), "Patient", params)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"gender": {"female"}}, params); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(url.Values{"gender": {"female"}, "_count": {"200"}}, s.Requests()[0].Query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
}
