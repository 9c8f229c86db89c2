package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/researchflow/researchflow/orchestrator"
)

// The built-in requests, in the form that -request reads: one for the synthetic data, one for any data.
var (
	//go:embed request.json
	diabetesRequest []byte
	//go:embed everybody.json
	everybodyRequest []byte
)

func loadRequest(opt options) (orchestrator.NewRequest, error) {
	text, name := diabetesRequest, "request.json"
	switch {
	case opt.resume != "":
		return orchestrator.NewRequest{}, nil // the request is in the database
	case opt.request != "":
		var err error
		if text, err = os.ReadFile(opt.request); err != nil {
			return orchestrator.NewRequest{}, err
		}
		name = opt.request
	case opt.data != "" || opt.fhir != "":
		text, name = everybodyRequest, "everybody.json"
	}
	r, err := orchestrator.ParseNewRequest(text)
	if err == nil {
		err = r.Validate()
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
