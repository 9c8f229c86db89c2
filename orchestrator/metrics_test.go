package orchestrator_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// meters keeps what is measured, by name and attributes.
type meters struct {
	mu        sync.Mutex
	got       map[string]float64
	callbacks []metric.Callback
}

func (m *meters) add(key string, v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got[key] += v
}

func (m *meters) provider() metric.MeterProvider { return meterProvider{m: m} }

type meterProvider struct {
	noop.MeterProvider
	m *meters
}

func (p meterProvider) Meter(string, ...metric.MeterOption) metric.Meter { return meter{m: p.m} }

type meter struct {
	noop.Meter
	m *meters
}

type counter struct {
	noop.Int64Counter
	m    *meters
	name string
}

func (c counter) Add(_ context.Context, n int64, opts ...metric.AddOption) {
	set := metric.NewAddConfig(opts).Attributes()
	c.m.add(c.name+" "+set.Encoded(attribute.DefaultEncoder()), float64(n))
}

type histogram struct {
	noop.Float64Histogram
	m    *meters
	name string
}

func (h histogram) Record(_ context.Context, _ float64, opts ...metric.RecordOption) {
	set := metric.NewRecordConfig(opts).Attributes()
	h.m.add(h.name+" "+set.Encoded(attribute.DefaultEncoder()), 1)
}

type intGauge struct {
	noop.Int64ObservableGauge
	name string
}

type floatGauge struct {
	noop.Float64ObservableGauge
	name string
}

func (m meter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{m: m.m, name: name}, nil
}

func (m meter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{m: m.m, name: name}, nil
}

func (m meter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return intGauge{name: name}, nil
}

func (m meter) Float64ObservableGauge(name string, _ ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return floatGauge{name: name}, nil
}

func (m meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.m.callbacks = append(m.m.callbacks, f)
	return noop.Registration{}, nil
}

type observer struct {
	noop.Observer
	got map[string]float64
}

func (o observer) ObserveInt64(i metric.Int64Observable, v int64, _ ...metric.ObserveOption) {
	o.got[i.(intGauge).name] = float64(v)
}

func (o observer) ObserveFloat64(i metric.Float64Observable, v float64, _ ...metric.ObserveOption) {
	o.got[i.(floatGauge).name] = v
}

// observe reads the gauges.
func (m *meters) observe(t *testing.T) map[string]float64 {
	t.Helper()
	o := observer{got: map[string]float64{}}
	for _, f := range m.callbacks {
		if err := f(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return o.got
}

// TestMetrics: the queue, its age, running steps with the age of their leases, the outbox, and transitions.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		m := &meters{got: map[string]float64{}}
		o := newOrchestrator(t, s, orchestrator.WithMeterProvider(m.provider()),
			orchestrator.WithNotifier(orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error {
				return errors.New("no mail server")
			})),
			orchestrator.WithStep(workflow.StepRequirements, orchestrator.StepFunc(
				func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
					<-time.After(time.Minute)
					return orchestrator.StepResult{Event: workflow.EventComplete}, nil
				}), orchestrator.StepConcurrency(1)))
		for range 2 {
			if _, err := o.Submit(t.Context(), lifetest.Sample("measured")); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, want map[string]float64) {
			t.Helper()
			got := m.observe(t)
			for name, v := range want {
				if d := got["researchflow."+name] - v; d < -1 || d > 1 || v == 0 && d != 0 {
					t.Errorf("%s: %s is %v, want %v", when, name, got["researchflow."+name], v)
				}
			}
		}
		<-time.After(10 * time.Second)
		want("before the start", map[string]float64{"steps.ready": 2, "steps.oldest": 10, "steps.running": 0, "outbox.messages": 0})
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Second)
		want("one runs", map[string]float64{"steps.ready": 1, "steps.oldest": 40, "steps.running": 1, "steps.lease_age": 30})
		<-time.After(2 * time.Minute)
		want("at the gate", map[string]float64{"steps.ready": 0, "steps.oldest": 0, "steps.running": 0, "outbox.messages": 2, "outbox.lag": 90})
		if err := o.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(map[string]float64{
			"researchflow.transitions event=submit,state=new_request":             2,
			"researchflow.transitions event=next,state=requirements_gathering":    2,
			"researchflow.transitions event=complete,state=requirements_complete": 2,
			"researchflow.transitions event=next,state=requirements_review":       2,
			"researchflow.step.duration outcome=ok,step=gather_requirements":      2,
		}, m.got)
		if diff != "" {
			t.Errorf("counters: %s", diff)
		}
	})
}
