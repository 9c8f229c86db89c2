// Package pgtest gives tests a real PostgreSQL: the one that RESEARCHFLOW_TEST_POSTGRES names, or a
// server of their own, started from the installed binaries.
//
// Each test gets a schema of its own. One server is started per test binary, at the first use, and
// stopped by [Main]. Where there is neither the tests skip, saying so; with CI=true they fail instead.
package pgtest
