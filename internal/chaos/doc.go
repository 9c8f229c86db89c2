// Package chaos shows that promises R1 to R17 (docs/promises.md) are kept on the databases of package store, whatever
// fails: calls of the driver, connections, processes, the server.
//
// [Faults] wraps a database/sql driver. It counts the calls and makes one of them fail, fail after it has succeeded, or
// kill the process. [Proxy] is a TCP proxy that cuts connections and drops replies. [Atomic] and [Killed] have a
// request live through a failure at every call site; [Promises] runs everything else; [Reports] is the table of
// results.
//
// The command internal/chaos/soak does the same under load, with several hosts and a server that restarts.
package chaos
