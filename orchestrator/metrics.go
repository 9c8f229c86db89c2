package orchestrator

import (
	"context"
	"errors"
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
	var errs []error
	count := func(name, what string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(what))
		errs = append(errs, err)
		return g
	}
	seconds := func(name, what string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(what))
		errs = append(errs, err)
		return g
	}
	transitions, err1 := meter.Int64Counter("researchflow.transitions", metric.WithDescription("states entered"))
	steps, err2 := meter.Float64Histogram("researchflow.step.duration", metric.WithUnit("s"),
		metric.WithDescription("duration of one attempt at a step"))
	ready := count("researchflow.steps.ready", "steps that could run now")
	oldest := seconds("researchflow.steps.oldest", "how long the oldest ready step has waited")
	running := count("researchflow.steps.running", "steps under lease")
	lease := seconds("researchflow.steps.lease_age", "time since the longest running step started")
	messages := count("researchflow.outbox.messages", "undelivered messages")
	lag := seconds("researchflow.outbox.lag", "age of the oldest undelivered message")
	if err := errors.Join(append(errs, err1, err2)...); err != nil {
		return metrics{}, fmt.Errorf("orchestrator: metrics: %w", err)
	}
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
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
	if err != nil {
		return metrics{}, fmt.Errorf("orchestrator: metrics: %w", err)
	}
	return metrics{transitions, steps}, nil
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
