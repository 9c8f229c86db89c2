package pgtest

import "syscall"

// dieWithParent keeps a server from staying behind when the test binary is killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
