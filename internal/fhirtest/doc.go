// Package fhirtest is a FHIR server inside the test process: it serves given resources by read, search and Bulk Data
// export, and can misbehave in every way that was observed in real servers.
//
//	s := fhirtest.New(t, fhirtest.Dir("testdata/patients"))
//	s.Configure(func(b *fhirtest.Behaviour) { b.RelativeNext = true }) // how it answers, from now on
//	s.Next(fhirtest.Throttled("1"), fhirtest.Reset())                  // the next two answers
//	client, err := fhir.NewClient(s.URL(), fhir.Config{})
//
// [Behaviour] holds the switches for how the server pages, counts, links and exports. Single answers that replace the
// right one are [Answer] values: [Server.Next] gives them to the next requests, [Server.Always] to all of them.
// [Server.Requests] lists the requests.
package fhirtest
