//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// walkBMI2 is walk for text without white space. Its labels are those of walk, and what is said of a state
// there holds here; the labels that begin with pass are those for values that are not kept.
//
// Registers:
//   SI  source            AX  i         R8  n               R11 innermost frame
//   DI  walker            BX  end       R9  node n          R12 table of the key set
//                                       R10 next closer     CX, DX, R13, R14, R15 for a moment
// Stack: ends of what they point into.
#define LEN       0(SP)  // length of the source
#define LEN4      8(SP)  // 4 less: the last offset at which four bytes can be read
#define LEN8      16(SP) // 8 less
#define NODESEND  24(SP)
#define STACKEND  32(SP)

// STOP leaves the state to go on in and the need to whoever called.
#define STOP(state, need) \
	MOVB $state, walker_state(DI) \
	MOVL $need, CX                \
	JMP  stop

// COMPLETE writes the value AX to BX of a node that is no container.
#define COMPLETE(kind) \
	MOVB $kind, Node_Kind(R9)  \
	MOVL AX, Node_Start(R9)    \
	MOVL BX, Node_End(R9)      \
	INCL R8                    \
	MOVL R8, Node_Next(R9)     \
	ADDQ $Node__size, R9

// func walkBMI2(w *walker) need
TEXT ·walkBMI2(SB), NOSPLIT, $40-9
	MOVQ w+0(FP), DI
	MOVQ walker_src(DI), SI
	MOVQ (walker_src+8)(DI), CX
	MOVQ CX, LEN
	SUBQ $4, CX
	MOVQ CX, LEN4
	SUBQ $4, CX
	MOVQ CX, LEN8

	MOVQ  walker_nodes(DI), DX
	MOVQ  (walker_nodes+8)(DI), CX
	IMULQ $Node__size, CX
	ADDQ  DX, CX
	MOVQ  CX, NODESEND
	MOVQ  walker_n(DI), R8
	IMUL3Q $Node__size, R8, R9
	ADDQ  DX, R9

	MOVQ  walker_stack(DI), DX
	MOVQ  (walker_stack+8)(DI), CX
	IMULQ $frame__size, CX
	ADDQ  DX, CX
	MOVQ  CX, STACKEND
	MOVQ  walker_depth(DI), R11
	IMULQ $frame__size, R11
	ADDQ  DX, R11

	MOVQ walker_closers(DI), R10
	MOVQ walker_ci(DI), CX
	LEAQ (R10)(CX*4), R10
	MOVQ walker_table(DI), R12
	MOVQ walker_i(DI), AX
	MOVQ walker_end(DI), BX
	PXOR X0, X0

	MOVBLZX walker_state(DI), CX
	CMPL CX, $const_atElement; JEQ element
	CMPL CX, $const_atValue; JEQ value
	CMPL CX, $const_atText; JEQ fromText
	CMPL CX, $const_atName; JEQ fromName
	CMPL CX, $const_atKey; JEQ fromKey
	CMPL CX, $const_atProject; JEQ fromProject
	CMPL CX, $const_atClosed; JEQ closed
	CMPQ walker_keep(DI), $0; JEQ passComplete
	JMP  after

fromText:
	CMPQ BX, LEN4; JGT walkText
	CMPQ walker_keep(DI), $0; JEQ passText
	JMP  text

fromName:
	CMPQ AX, LEN4; JGT walkName
	CMPB (SI)(AX*1), $'"'; JNE walkName
	INCQ AX
	CMPQ walker_keep(DI), $0; JEQ passName
	JMP  name

fromKey:
	CMPQ BX, LEN8; JGT walkKey
	CMPQ walker_keep(DI), $0; JEQ passColon
	JMP  key

fromProject:
	CMPQ BX, LEN4; JGT walkProject
	CMPQ walker_keep(DI), $0; JEQ passColon
	MOVQ walker_rows(DI), CX
	TESTQ CX, CX; JEQ colon
	MOVWLZX Node_Key(R9), DX
	MOVL frame_row(R11), R14
	ADDQ DX, R14
	MOVL (CX)(R14*4), R14
	MOVL R14, walker_row(DI)
	TESTL R14, R14; JNE colon
	JMP  pass

element:
	CMPQ R9, NODESEND; JAE needNodes
	MOVL $0, (R9)
	MOVQ $0, Node_KeyStart(R9)
	MOVL frame_row(R11), CX
	MOVL CX, walker_row(DI)

value:
	CMPQ AX, LEN4; JGT walkValue
	MOVBLZX (SI)(AX*1), CX
	CMPL CX, $'"'; JEQ quote
	CMPL CX, $'{'; JEQ object
	CMPL CX, $'['; JEQ array
	LEAL -48(CX), DX
	CMPL DX, $9; JLS number
	CMPL CX, $'-'; JEQ number
	MOVL (SI)(AX*1), DX
	LEAQ 4(AX), BX
	MOVL $const_True, R14
	CMPL DX, $const_literalTrue; JEQ scalar
	MOVL $const_Null, R14
	CMPL DX, $const_literalNull; JEQ scalar
	CMPL CX, $'f'; JNE walkValue
	CMPQ AX, LEN4; JGE walkValue
	MOVL 1(SI)(AX*1), DX
	CMPL DX, $const_literalAlse; JNE walkValue
	INCQ BX
	MOVL $const_False, R14

scalar: // the kind is R14
	CMPQ walker_keep(DI), $0; JEQ passScalar
	MOVB R14, Node_Kind(R9)
	MOVL AX, Node_Start(R9)
	MOVL BX, Node_End(R9)
	INCL R8
	MOVL R8, Node_Next(R9)
	ADDQ $Node__size, R9
	MOVQ BX, AX
	JMP  after

object:
	CMPB 1(SI)(AX*1), $'"'; JNE walkValue
	LEAQ frame__size(R11), CX
	CMPQ CX, STACKEND; JAE needFrame
	MOVQ CX, R11
	INCQ walker_depth(DI)
	MOVUPS X0, (R11)
	MOVUPS X0, 16(R11)
	MOVL R8, frame_node(R11)
	MOVL walker_row(DI), CX
	MOVL CX, frame_row(R11)
	MOVW $1, frame_object(R11)
	CMPQ walker_keep(DI), $0; JEQ passObject
	MOVB $const_Object, Node_Kind(R9)
	MOVL AX, Node_Start(R9)
	INCL R8
	ADDQ $Node__size, R9
	ADDQ $2, AX

name:
	CMPQ R9, NODESEND; JAE needNodesName
	MOVL (R10), BX
	ADDQ $4, R10
	CMPQ BX, LEN8; JGT needKey

key:
	// The words of the name: the same eight bytes, cut to its size, for a short one.
	MOVQ BX, R14
	SUBQ AX, R14
	CMPQ R14, $31; JHI needNames
	LEAQ -8(BX), R15
	CMPQ R15, AX
	CMOVQLT AX, R15
	LEAQ (R14*8), R13
	MOVQ (SI)(AX*1), CX
	MOVQ (SI)(R15*1), DX
	BZHIQ R13, CX, CX
	BZHIQ R13, DX, DX

	// keyHash
	RORXQ $39, DX, R13
	XORQ CX, R13
	ADDQ R14, R13
	IMULQ walker_mult(DI), R13

	// The entry of the key set, and the id if it is the name's.
	MOVQ walker_shift(DI), R15
	SHRXQ R15, R13, R15
	SHLQ $5, R15
	ADDQ R12, R15
	XORQ keyEntry_head(R15), CX
	XORQ keyEntry_tail(R15), DX
	ORQ  DX, CX
	XORL keyEntry_size(R15), R14
	MOVWLZX keyEntry_id(R15), DX
	ORQ  R14, CX
	MOVL $0, CX
	CMOVLNE CX, DX
	CMPB keyEntry_long(R15), $0; JNE needNames
	MOVL DX, (R9)

	MOVQ walker_rows(DI), CX
	TESTQ CX, CX; JNE project

unseen:
	MOVQ R13, CX
	SHRQ $62, CX
	SHRQ $56, R13
	MOVQ (R11)(CX*8), R14
	BTSQ R13, R14; JCS needNames
	MOVQ R14, (R11)(CX*8)

colon:
	MOVL AX, Node_KeyStart(R9)
	MOVL BX, Node_KeyEnd(R9)
	MOVL (SI)(BX*1), CX
	ANDL $const_threeBytes, CX
	CMPL CX, $const_nameToString; JNE noText
	LEAQ 3(BX), AX

open:
	MOVL (R10), BX
	ADDQ $4, R10
	CMPQ BX, LEN4; JGT lastText

text:
	COMPLETE(const_String)
	MOVL (SI)(BX*1), CX
	ANDL $const_threeBytes, CX
	CMPL CX, $const_stringToName; JNE noName
	CMPB frame_object(R11), $0; JEQ noName
	LEAQ 3(BX), AX
	JMP  name

lastText:
	CMPQ BX, LEN; JGE needText
	COMPLETE(const_String)
	JMP noName

noText:
	CMPB 1(SI)(BX*1), $':'; JNE walkProject
	LEAQ 2(BX), AX
	JMP  value

project: // the rows are CX, the id is DX
	MOVL frame_row(R11), R14
	ADDQ DX, R14
	MOVL (CX)(R14*4), R14
	MOVL R14, walker_row(DI)
	TESTL R14, R14; JNE unseen
	JMP  pass

quote:
	INCQ AX
	CMPQ walker_keep(DI), $0; JNE open
	JMP  passOpen

noName:
	LEAQ 1(BX), AX

after:
	CMPQ R11, walker_stack(DI); JEQ root
	CMPQ AX, LEN; JGE walkAfter
	MOVBLZX (SI)(AX*1), CX
	CMPB frame_object(R11), $0; JEQ afterElement
	CMPL CX, $','; JNE afterMember
	CMPQ AX, LEN4; JGT walkAfter
	CMPB 1(SI)(AX*1), $'"'; JNE walkAfter
	ADDQ $2, AX
	JMP  name

afterMember:
	CMPL CX, $'}'; JNE walkAfter
	CMPB frame_deferred(R11), $0; JNE needCheck

closed:
	INCQ AX
	MOVL frame_node(R11), CX
	LEAQ (CX)(CX*2), CX
	MOVQ walker_nodes(DI), DX
	LEAQ (DX)(CX*8), CX
	MOVL AX, Node_End(CX)
	MOVL R8, Node_Next(CX)
	SUBQ $frame__size, R11
	DECQ walker_depth(DI)
	CMPQ R11, walker_stack(DI); JEQ root
	CMPQ AX, LEN; JGE walkAfter
	MOVBLZX (SI)(AX*1), CX
	CMPB frame_object(R11), $0; JEQ afterElement
	CMPL CX, $'}'; JEQ afterMember
	JMP  after

afterElement:
	CMPL CX, $','; JNE noElement
	INCQ AX
	JMP  element

noElement:
	CMPL CX, $']'; JEQ closed
	JMP  walkAfter

root:
	CMPQ AX, LEN; JNE walkAfter
	MOVL $const_done, CX
	JMP  stop

array:
	CMPB 1(SI)(AX*1), $' '; JLS walkValue
	CMPB 1(SI)(AX*1), $']'; JEQ walkValue
	LEAQ frame__size(R11), CX
	CMPQ CX, STACKEND; JAE needFrame
	MOVQ CX, R11
	INCQ walker_depth(DI)
	MOVL R8, frame_node(R11)
	MOVL walker_row(DI), CX
	MOVL CX, frame_row(R11)
	MOVW $0, frame_object(R11)
	CMPQ walker_keep(DI), $0; JEQ passArray
	MOVB $const_Array, Node_Kind(R9)
	MOVL AX, Node_Start(R9)
	INCL R8
	ADDQ $Node__size, R9
	INCQ AX
	JMP  element

number:
	MOVQ AX, BX
	CMPL CX, $'-'; JNE first
	INCQ BX
	MOVBLZX (SI)(BX*1), CX
	LEAL -48(CX), DX
	CMPL DX, $9; JHI walkValue

first: // CX, at BX, is a digit, and the byte behind it is in the source
	CMPL CX, $'0'; JNE digits
	MOVBLZX 1(SI)(BX*1), DX
	SUBL $48, DX
	CMPL DX, $9; JLS walkValue

digits:
	INCQ BX
	CMPQ BX, LEN; JGE walkValue
	MOVBLZX (SI)(BX*1), CX
	LEAL -48(CX), DX
	CMPL DX, $9; JLS digits
	CMPL CX, $'.'; JEQ fraction
	MOVL $const_Number, R14
	ORL  $0x20, CX
	CMPL CX, $'e'; JEQ walkValue
	CMPQ walker_keep(DI), $0; JEQ passScalar
	ORB  $const_Integer, Node_Flags(R9)
	JMP  scalar

fraction:
	INCQ BX
	CMPQ BX, LEN; JGE walkValue
	MOVBLZX (SI)(BX*1), CX
	LEAL -48(CX), DX
	CMPL DX, $9; JHI walkValue

decimals:
	INCQ BX
	CMPQ BX, LEN; JGE walkValue
	MOVBLZX (SI)(BX*1), CX
	LEAL -48(CX), DX
	CMPL DX, $9; JLS decimals
	MOVL $const_Number, R14
	ORL  $0x20, CX
	CMPL CX, $'e'; JNE scalar
	JMP  walkValue

pass: // the member whose name is AX to BX is not kept
	MOVQ walker_depth(DI), CX
	MOVQ CX, walker_passing(DI)
	MOVQ $0, walker_keep(DI)

passColon:
	CMPQ BX, LEN4; JGT walkProject
	MOVL (SI)(BX*1), CX
	ANDL $const_threeBytes, CX
	CMPL CX, $const_nameToString; JNE passNoText
	LEAQ 3(BX), AX

passOpen:
	MOVL (R10), BX
	ADDQ $4, R10
	CMPQ BX, LEN4; JGT passLastText

passText:
	MOVL (SI)(BX*1), CX
	ANDL $const_threeBytes, CX
	CMPL CX, $const_stringToName; JNE passNoName
	CMPB frame_object(R11), $0; JEQ passNoName
	LEAQ 3(BX), AX
	MOVQ walker_depth(DI), CX
	CMPQ CX, walker_passing(DI); JNE passName
	MOVQ $1, walker_keep(DI)
	JMP  name

passLastText:
	CMPQ BX, LEN; JGE needText
	JMP  passNoName

passName:
	MOVL (R10), BX
	ADDQ $4, R10
	CMPQ BX, LEN4; JLE passColon
	JMP  needKey

passNoText:
	CMPB 1(SI)(BX*1), $':'; JNE walkProject
	LEAQ 2(BX), AX
	JMP  value

passNoName:
	LEAQ 1(BX), AX
	JMP  passComplete

passScalar:
	MOVQ BX, AX

passComplete:
	MOVQ walker_depth(DI), CX
	CMPQ CX, walker_passing(DI); JNE passAfter
	MOVQ $1, walker_keep(DI)
	JMP  after

passAfter:
	CMPQ AX, LEN; JGE walkAfter
	MOVBLZX (SI)(AX*1), CX
	CMPB frame_object(R11), $0; JEQ passAfterElement
	CMPL CX, $','; JNE passAfterMember
	CMPQ AX, LEN4; JGT walkAfter
	CMPB 1(SI)(AX*1), $'"'; JNE walkAfter
	ADDQ $2, AX
	JMP  passName

passAfterMember:
	CMPL CX, $'}'; JNE walkAfter

passClosed:
	INCQ AX
	SUBQ $frame__size, R11
	DECQ walker_depth(DI)
	JMP  passComplete

passAfterElement:
	CMPL CX, $']'; JEQ passClosed
	CMPL CX, $','; JNE walkAfter
	INCQ AX
	JMP  value

passObject:
	ADDQ $2, AX
	JMP  passName

passArray:
	INCQ AX
	JMP  value

needNodes: STOP(const_atElement, const_needNodes)
needNodesName: DECQ AX; STOP(const_atName, const_needNodes)
needFrame: STOP(const_atValue, const_needFrame)
needText: STOP(const_atText, const_needText)
needKey: STOP(const_atKey, const_needKey)
needNames: MOVL $0, (R9); STOP(const_atProject, const_needNames)
needCheck: STOP(const_atClosed, const_needCheck)
walkText: STOP(const_atText, const_needWalk)
walkName: STOP(const_atName, const_needWalk)
walkKey: STOP(const_atKey, const_needWalk)
walkProject: STOP(const_atProject, const_needWalk)
walkValue: STOP(const_atValue, const_needWalk)
walkAfter: STOP(const_atComplete, const_needWalk)

stop:
	MOVQ AX, walker_i(DI)
	MOVQ BX, walker_end(DI)
	MOVQ R8, walker_n(DI)
	SUBQ walker_closers(DI), R10
	SHRQ $2, R10
	MOVQ R10, walker_ci(DI)
	MOVB CX, ret+8(FP)
	RET
