// Package health answers the probes of a platform such as Kubernetes: is this instance alive, is it ready for work, and
// what is the state of the components it depends on.
//
//	checker, err := health.New(health.Config{Components: []health.Component{
//		health.Database(db, activeRequests),
//		health.FHIRServer(fhirVersion),
//		health.Cache(hitRate),
//	}})
//	checker.Routes(mux) // GET /health, /health/live, /health/ready
//	err = checker.Start(ctx)
//	defer checker.Stop(ctx)
//
// The bodies:
//
//	/health        {"status":"healthy","timestamp":"…","components":{"database":{"status":"healthy","active_requests":5},…}}
//	/health/live   {"status":"alive"}
//	/health/ready  {"status":"ready","components":{"database":"ready","fhir_server":"ready"}}
//
// What they promise, each with a test:
//
//   - liveness depends on the process alone;
//   - readiness fails (503) only for critical components: the instance's own database, and those that the host marks.
//     Any other component that is down makes the instance degraded, which is still 200;
//   - the instance is not ready before the first check of each critical component has succeeded, before Start and after
//     Stop;
//   - components are checked at intervals, not by probes: a probe is answered at once while a dependency hangs, and
//     a thousand probes cost no more checks than one. A check that hangs is not started a second time;
//   - bodies and logs contain error classes (see [ErrorClass]), never addresses, host names or error texts.
//
// The package is built on github.com/alexliesenfeld/health.
package health
