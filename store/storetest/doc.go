// Package storetest is the contract that every [orchestrator.Store] must pass.
//
// A test of a store calls [Run] and [RandomHistories] with a [Factory]. Both use nothing but the methods of the store
// and an orchestrator on top of it. [Check] reads everything about one request and reports what is inconsistent; tests
// of a store's own, for example with connections that break, can call it at any time.
package storetest
