// Package fhir is a client for FHIR servers as they are.
//
//	client, err := fhir.NewClient("https://fhir.example.org/r4", fhir.Config{Auth: fhir.BearerToken(token)})
//	for patient, err := range client.Search(ctx, "Patient", url.Values{"gender": {"female"}}) {
//		...
//	}
//
// It reads: [Client.Metadata] (and [Client.Probe], for health checks), [Client.Read], [Client.Search]. Resources come as
// raw JSON, as the server sent them.
// [Client.Resources] makes a Client a source for a view runner. [Client.Export] runs a Bulk Data export into files and
// goes on with it after a crash. Credentials come from an [Auth]: [BearerToken], [BasicAuth], [APIKey], or
// [NewBackendServices] for SMART Backend Services.
//
// What it promises, each with a test:
//
//   - idempotent requests are repeated after 408, 429, 5xx, broken connections and truncated answers: with full jitter,
//     as the server asks by Retry-After up to a cap, within a budget over all requests, and with fewer requests at a time
//     while a host is overloaded;
//   - the result of a search is whole, or an error: pages are followed until there is no next link, whatever total and
//     _count say; loops end; a search whose pages were dropped is started again and yields nothing twice; JSON that
//     does not end, an OperationOutcome or HTML with status 200 are errors and never rows;
//   - credentials go to the origin of the base URL only: exactly its scheme, host and port. Links and redirects that
//     lead elsewhere are refused or followed without them, and never into private networks, which is checked when the
//     connection is made;
//   - an export is whole, or an error: every line of every file is checked, counts are compared, errors and deletions
//     that the server reports are handed over, and the watermark moves only when everything is there;
//   - sizes are bounded: bytes, compression ratio, depth, time without data;
//   - errors and logs hold no query, no credentials and nothing out of resources. An [Error] carries the server's
//     OperationOutcome; of it, only codes are printed.
package fhir
