// Package researchflow answers clinical research data requests over FHIR, inside a host's own service.
//
// A researcher's request passes its gates, is answered from FHIR data with SQL on FHIR ViewDefinitions and is delivered
// as files; an audit trail records all of it. [Open] wires everything this needs:
//
//	flow, err := researchflow.Open(ctx, researchflow.FromEnv())
//	if err != nil {
//		return err
//	}
//	defer flow.Close(ctx)
//	flow.Health.Routes(mux) // /health, /health/live, /health/ready
//	id, err := flow.Orchestrator.Submit(ctx, request)
//
// By default that is a SQLite file, synthetic FHIR data and a cache in memory. [Config] and [FromEnv] select a
// PostgreSQL database and a FHIR server instead.
//
// A host may also use only some of the parts:
//
//   - package runner turns ViewDefinitions and FHIR resources into typed rows;
//   - package fhir is a client for FHIR servers;
//   - package orchestrator moves requests through states, steps and gates, with orchestrator/steps for the
//     work and orchestrator/audit for the trail;
//   - package store keeps them in PostgreSQL or SQLite;
//   - packages cache and health are what their names say.
//
// Times are UTC. Errors, logs, health bodies and the audit trail never hold values from resources.
package researchflow
