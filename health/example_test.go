package health_test

import (
	"context"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/health"
)

func Example() {
	checker, err := health.New(health.Config{
		Clock: func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
		Components: []health.Component{
			health.Database(pinger{}, func(context.Context) (int, error) { return 5, nil }),
			health.FHIRServer(func(context.Context) (string, error) { return "4.0.1", nil }),
			health.Cache(func(context.Context) (float64, error) { return 0, context.DeadlineExceeded }),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println(string(checker.Bodies().Ready))
	if err := checker.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer checker.Stop(ctx)
	if err := checker.Wait(ctx); err != nil {
		fmt.Println(err)
		return
	}
	bodies := checker.Bodies()
	fmt.Println(string(bodies.Health))
	fmt.Println(string(bodies.Live))
	fmt.Println(string(bodies.Ready))
	// Output:
	// {"status":"not_ready","components":{"database":"not_ready","fhir_server":"not_ready"}}
	// {"status":"degraded","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"healthy","active_requests":5},"fhir_server":{"status":"healthy","version":"4.0.1"},"cache":{"status":"unhealthy","error":"timeout"}}}
	// {"status":"alive"}
	// {"status":"ready","components":{"database":"ready","fhir_server":"ready"}}
}
