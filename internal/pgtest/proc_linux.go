package pgtest

import "syscall"

// dieWithParent stops the server when the test binary is killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
