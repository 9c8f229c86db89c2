package store_test

import (
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store/storetest"
)

func BenchmarkLife(b *testing.B) {
	for _, be := range []storetest.Backend{sqliteBackend(), postgresBackend()} {
		b.Run(be.Name, func(b *testing.B) {
			s, err := be.New(b).Open(b.Context(), storetest.OpenOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			o, err := orchestrator.New(s, storetest.Steps(nil)...)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := storetest.Live(b.Context(), o, storetest.Sample("x")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
