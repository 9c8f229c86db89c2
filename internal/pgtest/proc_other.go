//go:build unix && !linux

package pgtest

import "syscall"

// dieWithParent can be had on Linux only.
func dieWithParent(*syscall.SysProcAttr) {}
