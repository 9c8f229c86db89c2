// Package lifetest takes requests of the default definition through their lives, for the tests of packages
// orchestrator and store and for the contract in store/storetest.
//
// [Sample] is a request, [Steps] are handlers that succeed, [Live] submits, approves and drains until the request has
// ended, and [HappyPath] lists the states it goes through.
package lifetest
