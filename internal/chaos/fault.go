package chaos

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"syscall"
)

// ErrInjected is the error of a call that was made to fail.
var ErrInjected = errors.New("chaos: injected failure")

// Mode says how the chosen call fails.
type Mode int

// The modes.
const (
	// Fail: the call is not made and fails.
	Fail Mode = iota + 1
	// FailAfter: the call is made, and then fails.
	FailAfter
	// Kill: the process is killed (SIGKILL) instead of the call.
	Kill
	// KillAfter: the process is killed after the call.
	KillAfter
)

// String names the mode.
func (m Mode) String() string {
	return [...]string{"none", "fail", "succeed then fail", "kill before", "kill after"}[m]
}

// Faults makes calls of a database/sql driver fail: the N-th since it was armed, or one at each of many call sites. A
// call site is a label (see [Label]) and a call. Calls are counted over all connections. Any goroutine may use it.
type Faults struct {
	mu    sync.Mutex
	armed bool
	at    int
	mode  Mode
	calls []string
	sites []string
	fired bool
	bare  []string // calls without a label

	// See ArmSites.
	pending, second map[string]bool
	hit             []string
	causes          map[string]string // for each site: the site of the last failure before it was first reached
	log             string            // the file to write the site to before a kill
	dirty           bool              // nothing was committed since the last failure
}

// Arm restarts the count of calls. The n-th call fails as mode says; with n = 0 none does.
func (f *Faults) Arm(n int, mode Mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.at, f.mode, f.calls, f.sites, f.fired, f.bare = true, n, mode, nil, nil, false, nil
	f.pending, f.second, f.hit, f.causes, f.dirty = nil, nil, nil, map[string]string{}, false
}

// ArmSites restarts the count of calls. The first call of each of the sites (see [Faults.Sites]) fails as mode says,
// but after a failure only once something was committed. Those of the second sites fail at once: they are the sites
// that only a failure leads to.
func (f *Faults) ArmSites(mode Mode, sites, second []string) {
	f.Arm(0, mode)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.second = map[string]bool{}, map[string]bool{}
	for _, s := range sites {
		f.pending[s] = true
	}
	for _, s := range second {
		f.pending[s], f.second[s] = true, true
	}
}

// Causes returns, for each site that was reached, the site of the last failure before it, or "".
func (f *Faults) Causes() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.causes)
}

// Hit returns the sites whose calls failed since ArmSites, in order.
func (f *Faults) Hit() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.hit...)
}

// chosen says whether the call that was counted last fails.
func (f *Faults) chosen() bool {
	if f.pending == nil {
		return len(f.calls) == f.at
	}
	s := f.sites[len(f.sites)-1]
	if _, seen := f.causes[s]; !seen {
		f.causes[s] = ""
		if len(f.hit) > 0 {
			f.causes[s] = f.hit[len(f.hit)-1]
		}
	}
	if !f.pending[s] || f.dirty && !f.second[s] {
		return false
	}
	delete(f.pending, s)
	f.hit, f.dirty = append(f.hit, s), true
	return true
}

// Disarm ends the count; no further call fails.
func (f *Faults) Disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
}

// Fired says whether the chosen call was reached.
func (f *Faults) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Calls names the calls since Arm, in order: "commit", "exec INSERT INTO audit", …
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// Unlabelled names the calls since Arm that had no label, in order.
func (f *Faults) Unlabelled() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.bare...)
}

// Sites returns, for each call site, the numbers of its calls since Arm.
func (f *Faults) Sites() map[string][]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	sites := map[string][]int{}
	for i, s := range f.sites {
		sites[s] = append(sites[s], i+1)
	}
	return sites
}

// Wrap returns a connector whose connections are counted; it fits store.WithConnector.
func (f *Faults) Wrap(c driver.Connector) driver.Connector { return &connector{c, f} }

// site names the call site of a call.
func (f *Faults) site(op *operation, name string) string {
	switch {
	case op != nil:
		return op.site(name)
	case name == connect:
		// database/sql itself opens a connection when one was closed while others wait for it.
		return "database/sql: " + name
	}
	f.bare = append(f.bare, name)
	return "no label: " + name
}

// do makes a call, unless it has to fail before.
func (f *Faults) do(op *operation, name string, call func() error) error {
	f.mu.Lock()
	mode := Mode(0)
	if f.armed {
		f.calls = append(f.calls, name)
		f.sites = append(f.sites, f.site(op, name))
		if f.chosen() {
			mode, f.fired = f.mode, true
		}
	}
	f.mu.Unlock()
	switch mode {
	case Fail:
		return ErrInjected
	case Kill:
		f.kill()
	}
	err := call()
	if err == nil && mode == 0 && name == commit {
		f.mu.Lock()
		f.dirty = false
		f.mu.Unlock()
	}
	switch mode {
	case FailAfter:
		if err == nil {
			err = ErrInjected
		}
	case KillAfter:
		f.kill()
	}
	return err
}

// kill sends SIGKILL to this process.
func (f *Faults) kill() {
	if f.log != "" {
		_ = os.WriteFile(f.log, []byte(f.Hit()[len(f.Hit())-1]), 0o600)
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Signal(syscall.SIGKILL)
	}
	select {} // the signal is on its way
}

func sqlName(op, query string) string {
	words := strings.Fields(query)
	if len(words) == 0 {
		return op
	}
	name := op + " " + words[0]
	for i, w := range words {
		switch strings.ToUpper(w) {
		case "INTO", "UPDATE", "FROM":
			if i+1 < len(words) {
				return name + " " + strings.Trim(words[i+1], `"(),`)
			}
		}
	}
	return name
}

type connector struct {
	driver.Connector
	f *Faults
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	var inner driver.Conn
	made := false
	err := c.f.do(operationOf(ctx), connect, func() (err error) {
		inner, err = c.Connector.Connect(ctx)
		made = err == nil
		return err
	})
	if err != nil {
		if made {
			_ = inner.Close()
		}
		return nil, err
	}
	return &conn{inner, c.f}, nil
}

// conn implements what database/sql uses of the two drivers.
type conn struct {
	driver.Conn
	f *Faults
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	b, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, errors.New("chaos: the driver has no BeginTx")
	}
	var inner driver.Tx
	began := false // on an error there can be a nil pointer in the interface
	op := operationOf(ctx)
	err := c.f.do(op, begin, func() (err error) {
		inner, err = b.BeginTx(ctx, opts)
		began = err == nil
		return err
	})
	if err != nil {
		if began {
			_ = inner.Rollback()
		}
		return nil, err
	}
	return &tx{inner, c.f, op}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	var res driver.Result
	err := c.f.do(operationOf(ctx), sqlName("exec", query), func() (err error) {
		res, err = e.ExecContext(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	var inner driver.Rows
	ran := false
	op := operationOf(ctx)
	err := c.f.do(op, sqlName("query", query), func() (err error) {
		inner, err = q.QueryContext(ctx, query, args)
		ran = err == nil
		return err
	})
	if err != nil {
		if ran {
			_ = inner.Close()
		}
		return nil, err
	}
	return &rows{Rows: inner, f: c.f, op: op, name: sqlName("fetch", query)}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	return c.Prepare(query)
}

func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	return c.f.do(operationOf(ctx), "ping", func() error { return p.Ping(ctx) })
}

func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type tx struct {
	driver.Tx
	f  *Faults
	op *operation
}

func (t *tx) Commit() error   { return t.f.do(t.op, commit, t.Tx.Commit) }
func (t *tx) Rollback() error { return t.f.do(t.op, "rollback", t.Tx.Rollback) }

// rows counts the first fetch only: the others cannot fail in another way.
type rows struct {
	driver.Rows
	f       *Faults
	op      *operation
	name    string
	fetched bool
}

func (r *rows) Next(dest []driver.Value) error {
	if r.fetched {
		return r.Rows.Next(dest)
	}
	r.fetched = true
	end := false
	err := r.f.do(r.op, r.name, func() error {
		err := r.Rows.Next(dest)
		end = errors.Is(err, io.EOF)
		if end {
			return nil // no row is a success
		}
		return err
	})
	if err == nil && end {
		return io.EOF
	}
	return err
}
