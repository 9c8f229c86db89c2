package fhir_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/researchflow/researchflow/fhir"
)

// exampleServer stands for a FHIR server.
func exampleServer() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/r4/Patient", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("page") {
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient","id":"b"}}]}`)
			return
		}
		fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"Patient?page=2"}],`+
			`"entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`)
	})
	mux.HandleFunc("/r4/metadata", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}`)
	})
	mux.HandleFunc("/r4/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"HAPI-2001: Patient/x is not known"}]}`)
	})
	return httptest.NewServer(mux)
}

func ExampleClient_Search() {
	server := exampleServer()
	defer server.Close()
	client, err := fhir.NewClient(server.URL+"/r4", fhir.Config{Auth: fhir.BearerToken("…")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for raw, err := range client.Search(context.Background(), "Patient", url.Values{"gender": {"female"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		var patient struct{ ID string }
		if err := json.Unmarshal(raw, &patient); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(patient.ID)
	}
	// Output:
	// a
	// b
}

func ExampleClient_Read() {
	server := exampleServer()
	defer server.Close()
	client, err := fhir.NewClient(server.URL+"/r4", fhir.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Read(context.Background(), "Patient", "x")
	fmt.Println(errors.Is(err, fhir.ErrNotFound))
	fmt.Println(err)
	// Output:
	// true
	// fhir: GET Patient/x: status 404: not found (error not-found HAPI-2001)
}

func ExampleClient_Metadata() {
	server := exampleServer()
	defer server.Close()
	client, err := fhir.NewClient(server.URL+"/r4", fhir.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	statement, err := client.Metadata(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(statement.FHIRVersion)
	// Output: 4.0.1
}
