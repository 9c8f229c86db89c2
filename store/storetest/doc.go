// Package storetest is the suite that every [orchestrator.Store] must pass, and the kit that it is made
// of, for the tests of other stores.
//
// [Run] tests a [Backend]: the contract of each method, and the promises that need nothing but a store.
// [Faults] wraps a database/sql driver, numbers its calls, and makes one of them fail, fail after it has
// succeeded, or kill the process. [Proxy] is a TCP proxy that cuts connections and swallows replies.
// [Check] looks at everything there is about a request and says what contradicts what.
package storetest
