// Package pgtest gives tests a real PostgreSQL: the server that RESEARCHFLOW_TEST_POSTGRES names, or one started from
// the installed binaries.
//
// Each test has its own schema. A test binary starts one server, at the first use, and [Pool.Main] stops it. Without
// PostgreSQL tests are skipped with a message; with CI=true they fail.
package pgtest
