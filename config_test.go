package researchflow

import (
	"strings"
	"testing"
	"time"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"DATABASE_URL": "sqlite:///var/lib/rf.db", "FHIR_BASE_URL": "https://fhir.example.org/r4", "FHIR_BEARER_TOKEN": "t0ken",
		"CACHE_ENABLED": "false", "CACHE_TTL_SECONDS": "60", "PARALLEL_PROCESSING": "true", "MAX_PARALLEL_RESOURCES": "3",
		"RESEARCHFLOW_WORK_DIR": "/work", "RESEARCHFLOW_OUT_DIR": "/out",
	}
	c, err := fromEnv(func(name string) string { return env[name] }).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	header, err := c.FHIR.Auth.Credentials(t.Context(), nil)
	if err != nil || header.Get("Authorization") != "Bearer t0ken" {
		t.Errorf("credentials: %v, %v", header, err)
	}
	if c.DatabaseURL != "sqlite:///var/lib/rf.db" || c.FHIRBaseURL != "https://fhir.example.org/r4" || !c.DisableCache ||
		c.Cache.TTL != time.Minute || c.MaxParallel != 3 || c.WorkDir != "/work" || c.OutDir != "/out" {
		t.Errorf("fromEnv = %+v", c)
	}
}

func TestFromEnvDefaults(t *testing.T) {
	t.Parallel()
	c, err := fromEnv(func(string) string { return "" }).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL != defaultDatabaseURL || c.MaxParallel != 10 || c.DisableCache || c.FHIR.Auth != nil ||
		c.WorkDir != defaultWorkDir || c.OutDir != defaultOutDir || c.Logger == nil {
		t.Errorf("defaults = %+v", c)
	}
	off, err := fromEnv(func(name string) string {
		return map[string]string{"PARALLEL_PROCESSING": "0", "MAX_PARALLEL_RESOURCES": "8"}[name]
	}).withDefaults()
	if err != nil || off.MaxParallel != 1 {
		t.Errorf("PARALLEL_PROCESSING=0: MaxParallel = %d, %v; want 1", off.MaxParallel, err)
	}
}

func TestFromEnvFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"CACHE_ENABLED", "maybe", `researchflow: CACHE_ENABLED: "maybe" is not true or false`},
		{"PARALLEL_PROCESSING", "on", `researchflow: PARALLEL_PROCESSING: "on" is not true or false`},
		{"CACHE_TTL_SECONDS", "5m", `researchflow: CACHE_TTL_SECONDS: "5m" is not a whole number from 1 to 9223372036`},
		{"CACHE_TTL_SECONDS", "0", `researchflow: CACHE_TTL_SECONDS: "0" is not a whole number from 1 to 9223372036`},
		{"CACHE_TTL_SECONDS", "9223372037", `researchflow: CACHE_TTL_SECONDS: "9223372037" is not a whole number from 1 to 9223372036`},
		{"MAX_PARALLEL_RESOURCES", "-1", `researchflow: MAX_PARALLEL_RESOURCES: "-1" is not a whole number from 1 to 2147483647`},
		{"MAX_PARALLEL_RESOURCES", "1.5", `researchflow: MAX_PARALLEL_RESOURCES: "1.5" is not a whole number from 1 to 2147483647`},
	}
	for _, tt := range tests {
		_, err := fromEnv(func(name string) string {
			if name == tt.name {
				return tt.value
			}
			return ""
		}).withDefaults()
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s=%s: error %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"two sources", Config{FHIRBaseURL: "https://fhir.example.org", DataPath: "data"}, "set only one of"},
		{"negative workers", Config{MaxParallel: -1}, "MaxParallel is negative"},
	}
	for _, tt := range tests {
		if _, err := tt.cfg.withDefaults(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}
