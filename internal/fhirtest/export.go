package fhirtest

import "net/http"

// ExportBehaviour says how Bulk Data export behaves.
type ExportBehaviour struct{}

type export struct{}

func (s *Server) serveExport(http.ResponseWriter, *http.Request, []string) bool { return false }
