// Package system implements the System types of FHIRPath: Boolean, String, Integer, Long, Decimal, Date,
// DateTime, Time and Quantity, with their literals, conversions, comparison and arithmetic.
//
// Every type is a small immutable value that is safe to copy and to share between goroutines. Dates and times keep
// exactly the precision that was written, and whether there is a time zone; they are never converted to time.Time.
// Decimals keep the digits that were written (6.50 stays 6.50).
//
// A second result is false if the specification makes the result empty: known for comparisons that depend on components
// that are not given, ok for arithmetic (division by zero, overflow, outside the domain of a function).
//
// Units follow UCUM's case-sensitive grammar; see parseUnit.
//
// Sections named in comments are those of the FHIRPath specification (https://hl7.org/fhirpath/).
package system
