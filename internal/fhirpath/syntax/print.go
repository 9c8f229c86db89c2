package syntax

import (
	"fmt"
	"strings"
)

// Print returns the expression as text, with the fewest parentheses. [Parse] of the text gives an
// equal tree.
func Print(e Expr) string {
	var b strings.Builder
	printExpr(&b, e, precNone)
	return b.String()
}

// String returns the type specifier as it is written.
func (t TypeName) String() string {
	var b strings.Builder
	for i, part := range t.Parts {
		if i > 0 {
			b.WriteByte('.')
		}
		printIdentifier(&b, part)
	}
	return b.String()
}

// printExpr writes e where it stands as the operand of an operator of the given precedence: looser ones
// and, as the caller passes the next tighter level for right operands, equal ones get parentheses.
func printExpr(b *strings.Builder, e Expr, prec int) {
	own := precedence(e)
	if own < prec {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch e := e.(type) {
	case *Literal:
		printLiteral(b, e)
	case *External:
		b.WriteByte('%')
		printIdentifier(b, e.Name)
	case *Member:
		printReceiver(b, e.X)
		printIdentifier(b, e.Name)
	case *Special:
		printReceiver(b, e.X)
		b.WriteString(e.Kind.String())
	case *Call:
		printReceiver(b, e.X)
		printIdentifier(b, e.Name)
		b.WriteByte('(')
		for i, arg := range e.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			printExpr(b, arg, precNone)
			if i < len(e.Descending) && e.Descending[i] {
				b.WriteString(" desc")
			}
		}
		b.WriteByte(')')
	case *Index:
		printExpr(b, e.X, precPostfix)
		b.WriteByte('[')
		printExpr(b, e.Index, precNone)
		b.WriteByte(']')
	case *Unary:
		b.WriteString(e.Op.String())
		printExpr(b, e.X, precSign)
	case *Binary:
		printExpr(b, e.X, own)
		b.WriteString(" " + e.Op.String() + " ")
		printExpr(b, e.Y, own+1)
	case *TypeOp:
		printExpr(b, e.X, own)
		b.WriteString(" " + e.Op.String() + " " + e.Type.String())
	case *Instance:
		b.WriteString(e.Type.String() + " {")
		for i, value := range e.Values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte(' ')
			printIdentifier(b, e.Names[i])
			b.WriteString(" : ")
			printExpr(b, value, precNone)
		}
		if len(e.Values) == 0 {
			b.WriteByte(':')
		} else {
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	}
}

func printReceiver(b *strings.Builder, x Expr) {
	if x != nil {
		printExpr(b, x, precPostfix)
		b.WriteByte('.')
	}
}

func precedence(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		return operators[e.Op].prec
	case *TypeOp:
		return operators[e.Op].prec
	case *Unary:
		return precSign
	}
	return precPostfix
}

func printLiteral(b *strings.Builder, e *Literal) {
	switch e.Kind {
	case Empty:
		b.WriteString("{}")
	case String:
		printQuoted(b, e.Text, '\'')
	case Long:
		b.WriteString(e.Text + "L")
	case Date, DateTime:
		b.WriteString("@" + e.Text)
	case Time:
		b.WriteString("@T" + e.Text)
	case Quantity:
		b.WriteString(e.Text + " ")
		if e.Calendar {
			b.WriteString(e.Unit)
		} else {
			printQuoted(b, e.Unit, '\'')
		}
	default:
		b.WriteString(e.Text)
	}
}

func printIdentifier(b *strings.Builder, name string) {
	plain := name != "" && !isDigit(name[0]) && !reserved(name)
	for i := 0; plain && i < len(name); i++ {
		plain = isWord(name[i])
	}
	if plain {
		b.WriteString(name)
		return
	}
	printQuoted(b, name, '`')
}

func printQuoted(b *strings.Builder, s string, mark rune) {
	b.WriteRune(mark)
	for _, r := range s {
		switch {
		case r == mark || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ':
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteRune(mark)
}
