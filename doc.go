// Package researchflow answers clinical research data requests over FHIR, inside of a host's own service.
//
// A researcher's request goes through its gates, is answered from FHIR data by SQL on FHIR ViewDefinitions,
// delivered as files, and can be audited. [Open] wires everything that this takes:
//
//	flow, err := researchflow.Open(ctx, researchflow.FromEnv())
//	if err != nil {
//		return err
//	}
//	defer flow.Close(ctx)
//	flow.Health.Routes(mux) // /health, /health/live, /health/ready
//	id, err := flow.Orchestrator.Submit(ctx, request)
//
// Without any configuration that is an SQLite file, synthetic FHIR data and a cache in memory; [Config] and
// [FromEnv] name a PostgreSQL database and a FHIR server instead.
//
// The parts stand alone too, and a host may use only some of them:
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
