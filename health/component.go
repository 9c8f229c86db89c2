package health

import (
	"context"
	"time"
)

// Defaults of [Component].
const (
	DefaultInterval = 10 * time.Second
	DefaultTimeout  = 5 * time.Second
)

// Component is one part that an instance depends on.
type Component struct {
	// Name is the member of "components" in the bodies: lower case letters, digits and underscores, at most 63.
	Name string

	// Check checks the component and returns the details that /health shows besides its status: a map from member names
	// to simple values, or nil. It must honour ctx, which ends after Timeout. It runs in one goroutine at a time. Details
	// must contain neither secrets nor patients' data: everybody who can reach /health sees them.
	Check func(ctx context.Context) (details map[string]any, err error)

	// Critical makes the instance unhealthy and not ready while the component is down. Otherwise the instance is
	// degraded and stays ready.
	Critical bool

	// NotInReady omits the component from the body of /health/ready, unless it is critical.
	NotInReady bool

	// Interval is the pause between two checks. Zero means [DefaultInterval].
	Interval time.Duration

	// Timeout ends a check, which then counts as failed. Zero means [DefaultTimeout].
	Timeout time.Duration
}

// Pinger is the part of *sql.DB and *bun.DB that [Database] needs.
type Pinger interface {
	PingContext(ctx context.Context) error
}

// Database is the component "database", critical. It shows active_requests when active is not nil.
func Database(db Pinger, active func(ctx context.Context) (int, error)) Component {
	return Component{
		Name:     "database",
		Critical: true,
		Check: func(ctx context.Context) (map[string]any, error) {
			if err := db.PingContext(ctx); err != nil {
				return nil, err
			}
			if active == nil {
				return nil, nil
			}
			n, err := active(ctx)
			if err != nil {
				return nil, err
			}
			return map[string]any{"active_requests": n}, nil
		},
	}
}

// FHIRServer is the component "fhir_server". Version returns the FHIR version of the server's CapabilityStatement,
// such as "4.0.1"; other text is not shown.
func FHIRServer(version func(ctx context.Context) (string, error)) Component {
	return Component{
		Name: "fhir_server",
		Check: func(ctx context.Context) (map[string]any, error) {
			v, err := version(ctx)
			if err != nil {
				return nil, err
			}
			if !isVersion(v) {
				return nil, nil
			}
			return map[string]any{"version": v}, nil
		},
	}
}

// Cache is the component "cache". It is not part of /health/ready. HitRate returns the percentage of lookups that were
// hits, or an error if the cache cannot be reached.
func Cache(hitRate func(ctx context.Context) (percent float64, err error)) Component {
	return Component{
		Name:       "cache",
		NotInReady: true,
		Check: func(ctx context.Context) (map[string]any, error) {
			percent, err := hitRate(ctx)
			if err != nil {
				return nil, err
			}
			return map[string]any{"hit_rate_percent": percent}, nil
		},
	}
}

// isVersion reports whether s looks like a version, such as 4.0.1 or 6.0.0-ballot2.
func isVersion(s string) bool {
	if len(s) == 0 || len(s) > 32 || s[0] < '0' || s[0] > '9' {
		return false
	}
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '+') {
			return false
		}
	}
	return true
}

// isName reports whether s is a valid name of a component or a detail.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 63 {
		return false
	}
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r == '_') {
			return false
		}
	}
	return true
}
