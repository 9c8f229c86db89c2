//go:build !purego

#include "textflag.h"

DATA bytes<>+0(SB)/8, $0x2222222222222222
DATA bytes<>+8(SB)/8, $0x5c5c5c5c5c5c5c5c
DATA bytes<>+16(SB)/8, $0x2020202020202020
GLOBL bytes<>(SB), RODATA|NOPTR, $24

// Registers:
//   SI  the block; R8 its offset in the source; CX the bytes behind it
//   DI  where the next closer goes
//   R9  all ones while the block begins inside a string, else 0
//   R10 bit 0: the block begins inside a string that has special bytes already
//   R14 bit 0: the block's first byte is escaped
//   Y0, Y1, Y2 32 quotes, backslashes, spaces; X15 all ones

// MASKS sets AX to the bits of the quotes and DX to those of the special bytes of the 64 bytes at SI, and
// leaves the bytes that are backslashes in Y7 and Y8.
#define MASKS \
	VMOVDQU   (SI), Y3          \
	VMOVDQU   32(SI), Y4        \
	VPCMPEQB  Y0, Y3, Y5        \
	VPCMPEQB  Y0, Y4, Y6        \
	VPCMPEQB  Y1, Y3, Y7        \
	VPCMPEQB  Y1, Y4, Y8        \
	VPCMPGTB  Y3, Y2, Y9        \ // signed: bytes from 0x80 on are negative
	VPCMPGTB  Y4, Y2, Y10       \
	VPOR      Y7, Y9, Y9        \
	VPOR      Y8, Y10, Y10      \
	VPMOVMSKB Y5, AX            \
	VPMOVMSKB Y6, BX            \
	VPMOVMSKB Y9, DX            \
	VPMOVMSKB Y10, R12          \
	SHLQ      $32, BX           \
	SHLQ      $32, R12          \
	ORQ       BX, AX            \
	ORQ       R12, DX

// STRINGS sets BX to the bits inside strings, opening quotes included and closing quotes not, R9 for the
// next block, and AX to the closing quotes of the quotes AX.
#define STRINGS \
	VMOVQ       AX, X5             \
	VPCLMULQDQ  $0, X15, X5, X5    \
	VMOVQ       X5, BX             \
	XORQ        R9, BX             \
	MOVQ        BX, R9             \
	SARQ        $63, R9            \
	ANDNQ       AX, BX, AX

// BIT writes the offset of the lowest bit of AX to slot i and clears the bit.
#define BIT(i) \
	TZCNTQ AX, R11            \
	BLSRQ  AX, AX             \
	ADDL   R8, R11            \
	MOVL   R11, (i*4)(DI)

// STORE writes the offsets of the bits of AX.
#define STORE(more, done) \
	POPCNTQ AX, BX            \
	LEAQ    (DI)(BX*4), R13   \
	BIT(0)                    \
	BIT(1)                    \
	BIT(2)                    \
	BIT(3)                    \
	BIT(4)                    \
	BIT(5)                    \
	BIT(6)                    \
	BIT(7)                    \
	TESTQ   AX, AX            \
	JEQ     done              \
	ADDQ    $32, DI           \
more:                        \
	BIT(0)                    \
	BIT(1)                    \
	BIT(2)                    \
	BIT(3)                    \
	ADDQ    $16, DI           \
	TESTQ   AX, AX            \
	JNE     more              \
done:                        \
	MOVQ    R13, DI

// func indexAVX2(src *byte, size int, base uint32, out *closers) (count int)
TEXT ·indexAVX2(SB), NOSPLIT, $0-40
	MOVQ src+0(FP), SI
	MOVQ size+8(FP), CX
	MOVL base+16(FP), R8
	MOVQ out+24(FP), DI
	XORQ R9, R9
	XORQ R10, R10
	XORQ R14, R14

	VPBROADCASTQ bytes<>+0(SB), Y0
	VPBROADCASTQ bytes<>+8(SB), Y1
	VPBROADCASTQ bytes<>+16(SB), Y2
	VPCMPEQB     X15, X15, X15

	SUBQ $64, CX
	JL   tail

block:
	MASKS
	MOVQ DX, R12
	ORQ  R10, R12
	ORQ  R14, R12
	JNE  special
	STRINGS
	STORE(blockmore, blockdone)

next:
	ADDQ $64, SI
	ADDL $64, R8
	SUBQ $64, CX
	JGE  block

tail:
	// CX is the number of bytes left minus 64. Look at the last 64 bytes and shift out those done.
	ADDQ $64, CX
	JLE  end
	LEAQ -64(SI)(CX*1), SI
	MASKS
	VPMOVMSKB Y7, R11
	VPMOVMSKB Y8, R12
	SHLQ $32, R12
	ORQ  R12, R11
	NEGQ CX
	ADDQ $64, CX
	SHRQ CX, AX
	SHRQ CX, DX
	SHRQ CX, R11
	XORQ CX, CX
	JMP  escapes

special:
	VPMOVMSKB Y7, R11
	VPMOVMSKB Y8, R12
	SHLQ      $32, R12
	ORQ       R12, R11

escapes:
	// R11 holds the backslashes. A byte is escaped behind an odd run of them: subtracting the first of a
	// run from the odd bits carries through the run, and tells where it ends from where it began.
	MOVQ  R14, R12
	NOTQ  R12
	ANDQ  R11, R12               // backslashes that are not escaped by the block before
	LEAQ  (R12)(R12*1), R13
	MOVQ  $0xaaaaaaaaaaaaaaaa, BX
	ORQ   BX, R13
	SUBQ  R12, R13
	XORQ  BX, R13
	MOVQ  R11, R12
	ORQ   R14, R12
	XORQ  R13, R12               // escaped bytes
	ANDQ  R11, R13
	MOVQ  R13, R14
	SHRQ  $63, R14
	ANDNQ AX, R12, AX
	STRINGS

	// Adding the special bytes of a string to its bits carries a bit to its closing quote.
	ANDQ BX, DX
	BTQ  $0, R10
	ADCQ BX, DX
	SETCS R10
	ANDQ AX, DX

	TESTQ AX, AX
	JEQ   specialdone

specialbit:
	TZCNTQ AX, R11
	XORL   R12, R12
	BTQ    R11, DX
	SETCS  R12
	SHLL   $31, R12
	BLSRQ  AX, AX
	ADDL   R8, R11
	ORL    R12, R11
	MOVL   R11, (DI)
	ADDQ   $4, DI
	TESTQ  AX, AX
	JNE    specialbit

specialdone:
	TESTQ CX, CX
	JNE   next
	// CX is 0 behind the tail, and behind a block with nothing left.

end:
	VZEROUPPER
	SUBQ out+24(FP), DI
	SHRQ $2, DI
	MOVQ DI, count+32(FP)
	RET

// func cpuid(leaf, subleaf uint32) (ax, bx, cx, dx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL subleaf+4(FP), CX
	CPUID
	MOVL AX, ax+8(FP)
	MOVL BX, bx+12(FP)
	MOVL CX, cx+16(FP)
	MOVL DX, dx+20(FP)
	RET

// func xgetbv() (ax uint32)
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ax+0(FP)
	RET
