//go:build !purego

package fhirjson

// indexAVX2 writes the offsets of the closing quotes of the size bytes at src, of which the first is outside
// of strings and has the offset base in the source, and returns how many there are. size must not be 0, and
// the 64 bytes before src+size must be readable.
//
//go:noescape
func indexAVX2(src *byte, size int, base uint32, out *closers) (count int)

//go:noescape
func cpuid(leaf, subleaf uint32) (ax, bx, cx, dx uint32)

//go:noescape
func xgetbv() (ax uint32)

// vectors reports whether the processor and the operating system can do what the assembly needs: AVX2, BMI1,
// BMI2, PCLMULQDQ and POPCNT.
var vectors = detectVectors()

func detectVectors() bool {
	const (
		clmul   = 1 << 1 // leaf 1, cx
		popcnt  = 1 << 23
		osxsave = 1 << 27
		avx     = 1 << 28
		bmi1    = 1 << 3 // leaf 7, bx
		avx2    = 1 << 5
		bmi2    = 1 << 8
		saved   = 1<<1 | 1<<2 // XCR0: the system saves the SSE and the AVX registers
	)
	if leaves, _, _, _ := cpuid(0, 0); leaves < 7 {
		return false
	}
	_, _, c, _ := cpuid(1, 0)
	if c&(clmul|popcnt|osxsave|avx) != clmul|popcnt|osxsave|avx || xgetbv()&saved != saved {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&(bmi1|bmi2|avx2) == bmi1|bmi2|avx2
}

// indexStrings writes the closers of src[from:to], which begins outside of strings, and returns how many
// there are.
func indexStrings(src []byte, from, to int, out *closers) int {
	if !vectors || to < blockBytes || from >= to {
		return 0
	}
	return indexAVX2(&src[from], to-from, uint32(from), out)
}

// walkBMI2 is w.walk for as long as there is no white space, and leaves the rest to it.
//
//go:noescape
func walkBMI2(w *walker) need

// walkVector is w.walk for machines with vectors. It may leave the rest to walk.
func (w *walker) walkVector() need {
	return walkBMI2(w)
}
