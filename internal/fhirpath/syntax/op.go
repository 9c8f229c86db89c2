package syntax

// Op is an operator.
type Op uint8

// The operators.
const (
	OpMul           Op = iota + 1 // *
	OpDiv                         // /
	OpIntDiv                      // div
	OpMod                         // mod
	OpAdd                         // +
	OpSub                         // -
	OpConcat                      // &
	OpIs                          // is
	OpAs                          // as
	OpUnion                       // |
	OpLess                        // <
	OpLessEqual                   // <=
	OpGreater                     // >
	OpGreaterEqual                // >=
	OpEqual                       // =
	OpNotEqual                    // !=
	OpEquivalent                  // ~
	OpNotEquivalent               // !~
	OpIn                          // in
	OpContains                    // contains
	OpAnd                         // and
	OpOr                          // or
	OpXor                         // xor
	OpImplies                     // implies
)

// Precedences, from the lowest to the highest. All binary operators associate to the left.
const (
	precNone = iota
	precImplies
	precOr
	precAnd
	precMembership
	precEquality
	precInequality
	precUnion
	precType
	precAdditive
	precMultiplicative
	precSign
	precPostfix
)

var operators = [...]struct {
	text string
	prec int
}{
	OpMul:           {"*", precMultiplicative},
	OpDiv:           {"/", precMultiplicative},
	OpIntDiv:        {"div", precMultiplicative},
	OpMod:           {"mod", precMultiplicative},
	OpAdd:           {"+", precAdditive},
	OpSub:           {"-", precAdditive},
	OpConcat:        {"&", precAdditive},
	OpIs:            {"is", precType},
	OpAs:            {"as", precType},
	OpUnion:         {"|", precUnion},
	OpLess:          {"<", precInequality},
	OpLessEqual:     {"<=", precInequality},
	OpGreater:       {">", precInequality},
	OpGreaterEqual:  {">=", precInequality},
	OpEqual:         {"=", precEquality},
	OpNotEqual:      {"!=", precEquality},
	OpEquivalent:    {"~", precEquality},
	OpNotEquivalent: {"!~", precEquality},
	OpIn:            {"in", precMembership},
	OpContains:      {"contains", precMembership},
	OpAnd:           {"and", precAnd},
	OpOr:            {"or", precOr},
	OpXor:           {"xor", precOr},
	OpImplies:       {"implies", precImplies},
}

// String returns the operator as it is written.
func (op Op) String() string {
	if int(op) < len(operators) {
		return operators[op].text
	}
	return ""
}

// operatorOf returns the operator with a text, 0 if there is none.
func operatorOf(text string) Op {
	for op := OpMul; op <= OpImplies; op++ {
		if operators[op].text == text {
			return op
		}
	}
	return 0
}

// reserved reports whether a word cannot be an identifier without backticks.
func reserved(word string) bool {
	switch word {
	case "div", "mod", "and", "or", "xor", "implies", "true", "false":
		return true
	}
	return false
}

// calendarUnit reports whether a word is a unit of time that may follow a number.
func calendarUnit(word string) bool {
	switch word {
	case "year", "month", "week", "day", "hour", "minute", "second", "millisecond",
		"years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds":
		return true
	}
	return false
}
