// Package system implements the System types of FHIRPath: Boolean, String, Integer, Long, Decimal, Date,
// DateTime, Time and Quantity, with their literals, conversions, comparison and arithmetic.
//
// Every type is a small value that is safe to copy and to share between goroutines; nothing in the package
// keeps state. Dates and times hold exactly the precision that was written and the presence of a time zone;
// they are never turned into time.Time. Decimals keep the digits that were written (6.50 stays 6.50).
//
// Operations whose result the specification leaves empty say so with a second result: known for comparisons
// whose answer depends on digits nobody wrote, ok for arithmetic without a result (division by zero, overflow,
// outside of a function's domain).
//
// Units follow UCUM's case-sensitive grammar; see ParseUnit.
//
// Sections named in comments are those of the FHIRPath specification (https://hl7.org/fhirpath/).
package system
