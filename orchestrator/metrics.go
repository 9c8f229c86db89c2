package orchestrator

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// metrics are what an orchestrator measures. Attributes are names of states and steps, never ids.
type metrics struct {
	transitions metric.Int64Counter
	steps       metric.Float64Histogram
}

func newMetrics(p metric.MeterProvider, store Store) (metrics, error) {
	if p == nil {
		p = noop.NewMeterProvider()
	}
	meter := p.Meter("github.com/researchflow/researchflow/orchestrator")
	var m metrics
	var err error
	fail := func(e error) {
		if e != nil && err == nil {
			err = fmt.Errorf("orchestrator: metrics: %w", e)
		}
	}
	var e error
	m.transitions, e = meter.Int64Counter("researchflow.transitions", metric.WithDescription("states entered"))
	fail(e)
	m.steps, e = meter.Float64Histogram("researchflow.step.duration", metric.WithUnit("s"), metric.WithDescription("duration of one attempt at a step"))
	fail(e)
	ready, e := meter.Int64ObservableGauge("researchflow.steps.ready", metric.WithDescription("steps that could run now"))
	fail(e)
	oldest, e := meter.Float64ObservableGauge("researchflow.steps.oldest", metric.WithUnit("s"), metric.WithDescription("how long the oldest ready step has waited"))
	fail(e)
	running, e := meter.Int64ObservableGauge("researchflow.steps.running", metric.WithDescription("steps under lease"))
	fail(e)
	lease, e := meter.Float64ObservableGauge("researchflow.steps.lease_age", metric.WithUnit("s"), metric.WithDescription("since the longest running step began"))
	fail(e)
	messages, e := meter.Int64ObservableGauge("researchflow.outbox.messages", metric.WithDescription("messages not delivered"))
	fail(e)
	lag, e := meter.Float64ObservableGauge("researchflow.outbox.lag", metric.WithUnit("s"), metric.WithDescription("age of the oldest message not delivered"))
	fail(e)
	if err != nil {
		return m, err
	}
	_, e = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		b, err := store.Backlog(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(ready, b.ReadySteps)
		o.ObserveFloat64(oldest, b.OldestReady.Seconds())
		o.ObserveInt64(running, b.RunningSteps)
		o.ObserveFloat64(lease, b.OldestLease.Seconds())
		o.ObserveInt64(messages, b.Messages)
		o.ObserveFloat64(lag, b.OldestMessage.Seconds())
		return nil
	}, ready, oldest, running, lease, messages, lag)
	fail(e)
	return m, err
}

func (m *metrics) transition(ctx context.Context, h StateChange) {
	m.transitions.Add(ctx, 1, metric.WithAttributes(attribute.String("state", h.To), attribute.String("event", h.Event)))
}

func (m *metrics) step(ctx context.Context, name string, d time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome, _ = classify(err)
	}
	m.steps.Record(ctx, d.Seconds(), metric.WithAttributes(attribute.String("step", name), attribute.String("outcome", outcome)))
}
