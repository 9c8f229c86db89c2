// Package parquet writes the rows of a view as an Apache Parquet file: a [Writer] is a runner.Writer. It stands
// apart from package runner so that only its users link a Parquet library.
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
// A tag wins over the FHIR type. Columns of dateTime and time stay text unless a tag says otherwise, since their
// values may lack a time zone or parts; so may dates: see [DatesAsText]. A value that its type cannot hold exactly
// (a date without a day, a decimal with too many digits) is an error that names the column: nothing is rounded and
// nothing left out.
//
// Source: https://parquet.apache.org/docs/file-format/types/logicaltypes/
package parquet
