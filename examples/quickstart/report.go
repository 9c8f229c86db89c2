package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/orchestrator/steps"
)

// report shows the package, history and audit trail of a complete request, and the cache and health of the library.
func report(ctx context.Context, flow *researchflow.Flow, id string, out *console) error {
	deliveries, err := flow.Store.Deliveries(ctx, id)
	if err != nil {
		return err
	}
	if len(deliveries) == 0 {
		return errors.New("the request is complete, but there is no delivery")
	}
	d := deliveries[len(deliveries)-1]
	m, err := checkPackage(d.Location, d.ManifestSHA256)
	if err != nil {
		return err
	}
	out.line("\npackage %s", d.Location)
	for _, f := range m.Files {
		rows := ""
		if f.Rows != nil {
			rows = fmt.Sprintf("%d rows", *f.Rows)
		}
		out.line("  %-32s %12s %10d bytes  sha256 %s", f.Name, rows, f.Bytes, f.SHA256[:16])
	}
	out.line("  cohort of %d patients; all %d hashes match the manifest", m.Cohort, len(m.Files))

	reports, err := flow.Store.FeasibilityReports(ctx, id)
	if err != nil {
		return err
	}
	for _, e := range reports[len(reports)-1].Elements { // there is a delivery, so there is a report
		out.line("  %-32s available for %3.0f %% of the cohort", e.Name, 100*e.Availability)
	}

	history, err := flow.Orchestrator.History(ctx, id)
	if err != nil {
		return err
	}
	out.line("\nhistory")
	for _, s := range history {
		by := "system"
		if s.By.ID != "" {
			by = s.By.ID
		}
		out.line("  %2d  %s  %-24s on %-14s by %s", s.Seq, s.At.UTC().Format(time.RFC3339), s.To, s.Event, by)
	}

	head, err := flow.Orchestrator.VerifyAudit(ctx, id)
	if err != nil {
		return fmt.Errorf("the audit trail is not intact: %w", err)
	}
	out.line("\naudit trail verified: %d entries, head %s", head.Seq, head.Hash)
	kinds := map[string]int{}
	var order []string
	for e, err := range flow.Orchestrator.AuditEntries(ctx, id) {
		if err != nil {
			return err
		}
		if kinds[string(e.Type)]++; kinds[string(e.Type)] == 1 {
			order = append(order, string(e.Type))
		}
	}
	for _, kind := range order {
		out.line("  %-20s %3d", kind, kinds[kind])
	}

	if flow.Cache != nil {
		s := flow.Cache.Stats()
		out.line("\ncache: %d hits, %d misses, hit rate %.1f %%, %d entries, %d bytes", s.Hits, s.Misses, s.HitRatePercent, s.Size, s.Bytes)
	}
	if err := flow.Health.Refresh(ctx); err != nil {
		return err
	}
	b := flow.Health.Bodies()
	out.line("\n/health       %s\n/health/live  %s\n/health/ready %s", b.Health, b.Live, b.Ready)
	return nil
}

// checkPackage checks a package folder as its recipient would: every file must match the manifest, and the manifest
// the hash that the delivery recorded.
func checkPackage(dir, manifestSum string) (steps.Manifest, error) {
	var m steps.Manifest
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return m, err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != manifestSum {
		return m, errors.New("manifest.json has changed since it was delivered")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("manifest.json: %w", err)
	}
	for _, f := range m.Files {
		file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return m, err
		}
		h := sha256.New()
		size, err := io.Copy(h, file)
		if err := errors.Join(err, file.Close()); err != nil {
			return m, err
		}
		if size != f.Bytes || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
			return m, fmt.Errorf("%s does not match the manifest", f.Name)
		}
	}
	return m, nil
}
