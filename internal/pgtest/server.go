//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server for tests, on a loopback port, with its data in a temporary folder.
type Server struct {
	// URL is the address of its database.
	URL string

	dir, bin string
	port     int
	opt      Options
	cred     *syscall.Credential // of another user, when this one is root
	cmd      *exec.Cmd
	exited   chan error
	log      *os.File
}

// NewServer starts a server. The caller must Close it.
func NewServer(ctx context.Context, opt Options) (*Server, error) {
	bin, err := findServer()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, opt: opt}
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root.
		if s.cred, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if s.port, err = freePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	s.URL = (&url.URL{
		Scheme: "postgres", User: url.User("tester"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

func findServer() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", ErrNotInstalled
	}
	slices.SortFunc(found, func(a, b string) int { // the newest last: 9 comes before 17
		return len(a) - len(b) + strings.Compare(a, b)
	})
	return filepath.Dir(found[len(found)-1]), nil
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgtest: neither user postgres nor nobody exists, and PostgreSQL refuses to run as root")
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

func (s *Server) create(ctx context.Context) error {
	if s.cred != nil {
		if err := os.Chown(s.dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return fmt.Errorf("pgtest: %w", err)
		}
	}
	cmd := s.command(ctx, "initdb", "-D", filepath.Join(s.dir, "data"), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgtest: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts the server again after Stop or Kill, at the same address.
func (s *Server) Start(ctx context.Context) error {
	if s.cmd != nil {
		return nil
	}
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=", "max_connections=200",
		"shared_buffers=64MB", "logging_collector=off", "timezone=UTC", "fsync=" + onOff(s.opt.Fsync),
		"synchronous_commit=" + onOff(s.opt.Fsync), "full_page_writes=" + onOff(s.opt.Fsync),
	}
	args := []string{"-D", filepath.Join(s.dir, "data")}
	for _, set := range append(settings, s.opt.Settings...) {
		args = append(args, "-c", set)
	}
	// ctx limits the start; the server runs on after it has ended.
	cmd := s.command(context.WithoutCancel(ctx), "postgres", args...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("pgtest: postgres: %w", err), log.Close())
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	s.cmd, s.exited, s.log = cmd, exited, log
	return s.waitReady(ctx)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-s.exited:
			s.cmd = nil
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return errors.Join(fmt.Errorf("pgtest: postgres ended: %w: %s", err, bytes.TrimSpace(text)), s.log.Close())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("pgtest: postgres does not answer: %w", err), s.Kill())
		case <-tick.C:
		}
	}
}

// Stop stops the server in its fast mode: connections are closed, and nothing committed is lost.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill stops the server in its immediate mode, without a clean shutdown. The next start recovers from its log.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

func (s *Server) end(sig os.Signal) error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgtest: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
	return s.log.Close()
}

// Close stops the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}
