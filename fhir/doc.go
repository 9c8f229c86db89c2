// Package fhir is a client for real FHIR servers.
//
//	client, err := fhir.NewClient("https://fhir.example.org/r4", fhir.Config{Auth: fhir.BearerToken(token)})
//	for patient, err := range client.Search(ctx, "Patient", url.Values{"gender": {"female"}}) {
//		...
//	}
//
// It reads: [Client.Metadata] (and [Client.Probe], for health checks), [Client.Read], [Client.Search]. Resources come
// as raw JSON, as the server sent them. [Client.Resources] makes a Client a source for a view runner. [Client.Export]
// runs a Bulk Data export into files and resumes it after a crash. Credentials come from an [Auth]: [BearerToken],
// [BasicAuth], [APIKey], or [NewBackendServices] for SMART Backend Services.
//
// What it promises, each with a test:
//
//   - idempotent requests are repeated after 408, 429, 5xx, broken connections and truncated answers: with full
//     jitter, after the server's Retry-After up to a maximum, within a budget for all requests, and with fewer
//     concurrent requests while a host is overloaded;
//   - a search is complete, or an error: pages are followed until there is no next link, whatever total and _count say;
//     loops are detected; a search whose pages were dropped restarts and yields nothing twice; truncated JSON, an
//     OperationOutcome and HTML with status 200 are errors and never rows;
//   - credentials go to the origin of the base URL only: exactly its scheme, host and port. Links and redirects to
//     other origins are refused or followed without credentials, and never into private networks, which is checked at
//     dial time;
//   - an export is complete, or an error: every line of every file is checked, counts are compared, errors and
//     deletions that the server reports are returned, and the watermark moves only when everything is on disk;
//   - sizes are bounded: bytes, compression ratio, depth, time without data;
//   - errors and logs contain no query, no credentials and no data of resources. An [Error] carries the server's
//     OperationOutcome, of which only codes are printed.
package fhir
