//go:build unix && !linux

package pgtest

import "syscall"

// dieWithParent does nothing: only Linux has it.
func dieWithParent(*syscall.SysProcAttr) {}
