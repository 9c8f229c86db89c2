// Package parquet writes the rows of a view as an Apache Parquet file: a [Writer] is a runner.Writer. It is separate
// from package runner so that only programs that use it link a Parquet library.
//
// Columns keep the view's order, and their types follow the view's schema:
//
//	FHIR type or ansi/type tag              Parquet
//	boolean, BOOLEAN                        BOOLEAN
//	integer, positiveInt, unsignedInt       INT32 (INT 32, signed)
//	integer64, BIGINT                       INT64 (INT 64, signed)
//	decimal                                 FIXED_LEN_BYTE_ARRAY(16) (DECIMAL(38, 18))
//	DECIMAL(p, s), NUMERIC(p, s)            INT32, INT64 or FIXED_LEN_BYTE_ARRAY(16) (DECIMAL(p, s)), by p
//	date, DATE                              INT32 (DATE)
//	instant, TIMESTAMP WITH TIME ZONE       INT64 (TIMESTAMP, microseconds, UTC)
//	TIMESTAMP                               INT64 (TIMESTAMP, microseconds, local)
//	TIME                                    INT64 (TIME, microseconds, local)
//	CHARACTER VARYING, VARCHAR(n), TEXT     BYTE_ARRAY (STRING)
//	everything else                         BYTE_ARRAY (STRING)
//	objects                                 BYTE_ARRAY (STRING), as JSON
//	collections                             LIST of the above
//
// A tag takes precedence over the FHIR type. Columns of type dateTime and time are text unless a tag says otherwise,
// since their values may lack a time zone or parts of the time. Dates may lack the day or month; see [DatesAsText]. A
// value that its type cannot hold exactly (a date without a day, a decimal with too many digits) is an error that
// names the column: nothing is rounded or dropped.
//
// Source: https://parquet.apache.org/docs/file-format/types/logicaltypes/
package parquet
