package fhirpath_test

import "testing"

func TestSpecEquality(t *testing.T) {
	runSpec(t, patient, []specRow{
		ok("=", "({} = {}) | (1 = {}) | ({} != {})", ""),
		ok("=", "(1 | 2 | 3) = (3 | 2 | 1)", "false"),
		ok("=", "(1 | 2) = (1 | 2 | 3)", "false"),
		ok("=", "(1 | 2 | 3) = (1 | 2 | 3)", "true"),
		ok("=", "(1 | @2012) = (1 | @2012-01)", ""),
		ok("=", "(1 | @2012) = (2 | @2012-01)", "false"),
		ok("=", "'a' = 'A' or 'a ' = 'a'", "false"),
		ok("=", "1.10 = 1.1 and 1.0 = 1", "true"),
		ok("=", "1.2 / 1.8 = 0.67", "false"),
		ok("=", "name = name and name.first() = name[0]", "true"),
		ok("=", "name[0] = name[1]", "false"),
		ok("=", "name[0].given = name[2].given", "true"),
		ok("=", "name[0].given = ('Peter' | 'James')", "true"),
		ok("=", "1 = '1' or true = 'true' or @2012 = '2012'", "false"),
		ok("=", "active = true and gender = 'male' and birthDate = @1974-12-25", "true"),
		ok("=", "1 'cm' = 10.0 'mm'", "true"),
		ok("=", "1 'cm' = 1 'm'", "false"),
		ok("=", "1 'cm' = 1 's'", ""),
		ok("=", "1 'cm' = 1 'cm2'", ""),
		ok("=", "1 'h' = 3600 's' and 1 hour = 3600 's' and 7 days = 1 'wk' and 1 week = 7 'd'", "true"),
		ok("=", "1 year = 12 months and 1 year = 365 days and 1 month = 30 days", "true"),
		ok("=", "(1 year = 12 'mo') | (1 month = 30 'd')", ""),
		ok("=", "1 year.toQuantity('a') = 1 'a'", "true"),
		ok("=", "(@2012-01 = @2012) | (@2012-01-01T10:30:31 = @2012-01-01T10:30) | (@T10 = @T10:30)", ""),
		ok("=", "@2012-01 = @2013 or @T10 = @T11:30", "false"),
		ok("=", "@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31", "true"),
		ok("=", "@2012-01-01T10:30:31.1 = @2012-01-01T10:30:31", "false"),
		ok("=", "@2012-01-01T10:30:00Z = @2012-01-01T10:30:00+00:00 and @2012-01-01T10:30:00-00:00 = @2012-01-01T10:30:00Z", "true"),
		ok("=", "@2017-11-05T01:30:00.0-04:00 = @2017-11-05T00:30:00.0-05:00", "true"),
		ok("=", "@2012-01-01T10:30:00Z = @2012-01-01T10:30:00", ""),
		ok("=", "@2012-01-01T10+02:00 = @2012-01-01T08Z and @2012-01-01T10+05:30 != @2012-01-01T06Z", "true"),
		ok("=", "(@2012-01-01T10+05:30 = @2012-01-01T04Z) | (@2012-01-01T10+05:30 = @2012-01-01T05Z)", ""),
		ok("!=", "1 != 2 and ('a' != 'A') and (1 | 2) != (2 | 1)", "true"),
		ok("!=", "(@2012 != @2012-01) | (1 'cm' != 1 's')", ""),
		ok("~", "{} ~ {} and (1 ~ {}).not() and ({} ~ 1).not()", "true"),
		ok("~", "(1 | 2 | 3) ~ (3 | 2 | 1)", "true"),
		ok("~", "1.combine(1).combine(2) ~ 1.combine(2).combine(2)", "false"),
		ok("~", "(1 | 2) ~ (1 | 2 | 3)", "false"),
		ok("~", "'Abc  d' ~ 'aBC\t\td' and 'É' ~ 'é'", "true"),
		ok("~", "'ab' ~ 'a b'", "false"),
		ok("~", "1.2 / 1.8 ~ 0.67 and 1.10 ~ 1.1 and 0.0 ~ 0", "true"),
		ok("~", "1.55 ~ 1.6 and (1.5 ~ 1.6).not()", "true"),
		ok("~", "1 ~ 2 or true ~ false or 1 ~ '1'", "false"),
		ok("~", "2.1 'cm' ~ 21 'mm' and 21 'mm' ~ 2 'cm' and 4 'g' ~ 4040 'mg'", "true"),
		ok("~", "1 year ~ 11 months and 1 second ~ 1 's'", "true"),
		ok("~", "@2012-01 ~ @2012 or @T10 ~ @T10:30 or @2012-01-01T10:30:31.1 ~ @2012-01-01T10:30:31", "false"),
		ok("~", "@2012-01-01T10:30:31.0 ~ @2012-01-01T10:30:31", "true"),
		ok("~", "name ~ name and name[0].given ~ ('JAMES' | 'peter')", "true"),
		ok("!~", "1 !~ {} and (1 !~ 1).not() and @2012 !~ @2012-01", "true"),
	})
}

func TestSpecComparison(t *testing.T) {
	runSpec(t, patient, []specRow{
		ok("Comparison", "(1 < {}) | ({} > {}) | ({} <= 'a')", ""),
		bad("Comparison", "(1 | 2) < 3"),
		bad("Comparison", "1 < 'a'"),
		bad("Comparison", "true > false"),
		bad("Comparison", "@2012 < @T10:00"),
		bad("Comparison", "name[0] < name[1]"),
		bad("Comparison", "1 'cm' < 'a'"),
		ok("Comparison", "10 > 5 and 10 > 5.0 and 10L > 5 and 5.0 <= 5L", "true"),
		ok("Comparison", "'abc' > 'ABC' and 'a' < 'b' and 'a' < 'aa'", "true"),
		ok("Comparison", "4 'm' > 4 'cm'", "true"),
		ok("Comparison", "4 'm' > 4 's'", ""),
		ok("Comparison", "2 > 1 '1'", "true"),
		ok("Comparison", "1 year > 1 'a'", ""),
		ok("Comparison", "10 seconds > 1 's' and 6 months < 1 year and 6 days < 1 week", "true"),
		ok("Comparison", "(@2018-03 > @2018-03-01) | (@2018-03-01T10 > @2018-03-01T10:30) | (@T10 > @T10:30)", ""),
		ok("Comparison", "@2018-03 > @2018-02-28 and @T11 > @T10:30", "true"),
		ok("Comparison", "(@2018-03-01T10+05:30 < @2018-03-01T05Z) | (@2018-03-01T10+05:30 > @2018-03-01T04Z)", ""),
		ok("Comparison", "@2018-03-01T10+05:30 < @2018-03-01T06Z and @2018-03-01T10+05:30 > @2018-03-01T03Z", "true"),
		ok("Comparison", "@2018-03-01T10:30:00 > @2018-03-01T10:30:00.0", "false"),
		ok("Comparison", "@2018-03-01T10:30:00 >= @2018-03-01T10:30:00.0", "true"),
		ok("Comparison", "@2018-01-01T16:00:00+11:00 < @2018-01-01T15:00:00.0+10:00", "false"),
		ok("Comparison", "@2018-01-01T16:00:00+12:00 < @2018-01-01T15:00:00.0+10:00", "true"),
		ok("Comparison", "birthDate < today() and birthDate < now()", "true"),
		ok("comparable", "1 'mg'.comparable(2 'mg') and 1 'm'.comparable(20 'cm') and 2 '1'.comparable(3) and 1.comparable(2)", "true"),
		ok("comparable", "1 year.comparable(1 'a') or 1 'cm'.comparable(1 's')", "false"),
		ok("comparable", "{}.comparable(1 'm') | 1 'm'.comparable({})", ""),
		ok("comparable", "(1 | 2).comparable(1) | 1.comparable(1 | 2) | name.comparable(1) | 'a'.comparable(1)", ""),
	})
}

func TestSpecLogic(t *testing.T) {
	const T, F, E = "true", "false", "{}"
	tables := []struct {
		op   string
		want [9]string // TT TF TE FT FF FE ET EF EE
	}{
		{"and", [9]string{T, F, E, F, F, F, E, F, E}},
		{"or", [9]string{T, T, T, T, F, E, T, E, E}},
		{"xor", [9]string{F, T, E, T, F, E, E, E, E}},
		{"implies", [9]string{T, F, E, T, T, T, T, E, E}},
	}
	var rows []specRow
	for _, table := range tables {
		for i, want := range table.want {
			values := [3]string{T, F, E}
			if want == E {
				want = ""
			}
			rows = append(rows, ok(table.op, values[i/3]+" "+table.op+" "+values[i%3], want))
		}
	}
	rows = append(
		rows,
		ok("not", "true.not() | false.not() | {}.not()", "false true"),
		ok("not", "(0).not()", "false"),
		bad("not", "(true | false).not()"),
		ok("implies", "gender = 'x' implies name.single().exists()", "true"),
		bad("and", "true and (1 | 2)"),
		ok("and", "name.given.first() and 1", "true"),
		// in and contains
		ok("in", "'Jim' in name.given and name.given contains 'Jim'", "true"),
		ok("in", "1 in {} or {} contains 1", "false"),
		ok("in", "({} in (1 | 2)) | ((1 | 2) contains {}) | ({} in {})", ""),
		ok("in", "@2012 in (@2012-01 | @2013)", "false"),
		ok("in", "100 'cm' in (1 'm' | 2 'm') and 1.0 in (1 | 2)", "true"),
		bad("in", "(1 | 2) in (1 | 2)"),
		bad("contains", "(1 | 2) contains (1 | 2)"),
		// |
		ok("|", "1 | 1 | 2 | 1.0 | '1'", `1 2 "1"`),
		ok("|", "1 'm' | 100 'cm'", `"1 'm'"`),
		ok("|", "@2012 | @2012-01", `"2012" "2012-01"`),
		ok("|", "name.given | name.given", `"Peter" "James" "Jim"`),
	)
	runSpec(t, patient, rows)
}

func TestSpecTypes(t *testing.T) {
	runSpec(t, patient, []specRow{
		ok("is", "{} is Integer", ""),
		bad("is", "(1 | 2) is Integer"),
		bad("is", "1 is Nonsense"),
		bad("is", "1 is System.Nonsense"),
		bad("is", "1 is FHIR.Integer"),
		ok("is", "1 is Integer and 1.0 is Decimal and 1L is Long and 'a' is String and true is Boolean", "true"),
		ok("is", "@2012 is Date and @2012T is DateTime and @T10 is Time and 1 'mg' is Quantity", "true"),
		ok("is", "1 is Decimal or 1 is Long or @2012 is DateTime", "false"),
		ok("is", "1 is System.Any and 'a' is Any", "true"),
		ok("is", "active is boolean and active is FHIR.boolean", "true"),
		ok("is", "active is Boolean or active is System.Boolean", "false"),
		ok("is", "gender is code and gender is string and gender is Element", "true"),
		ok("is", "gender is id or gender is uri", "false"),
		ok("is", "id is id and id is string", "true"),
		ok("is", "$this is Patient and $this is DomainResource and $this is Resource and $this is FHIR.Patient", "true"),
		ok("is", "$this is Observation", "false"),
		ok("is", "name[0] is HumanName and name[0] is Element and link is BackboneElement", "true"),
		ok("is", "identifier.period.start is dateTime", "true"),
		ok("is()", "1.is(Integer) and $this.is(Patient) and $this.is(FHIR.`Patient`)", "true"),
		ok("as", "(1 as Integer) | (1 as String) | ({} as String)", "1"),
		ok("as", "(multipleBirth as integer) + 1", "3"),
		ok("as", "($this as DomainResource).id", `"p1"`),
		bad("as", "(1 | 2) as Integer"),
		bad("as", "1 as Nonsense"),
		ok("as()", "multipleBirth.as(integer) | multipleBirth.as(boolean)", "2"),
		bad("as()", "name.as(HumanName)"),
		ok("type", "1.type().namespace & '.' & 1.type().name & ' ' & 1.type().baseType", `"System.Integer System.Any"`),
		ok("type", "('John' | 'Mary').type().name", `"String" "String"`),
		ok("type", "$this.type().namespace & '.' & $this.type().name & ' ' & $this.type().baseType", `"FHIR.Patient FHIR.DomainResource"`),
		ok("type", "name[0].type().name & ' ' & name[0].type().baseType", `"HumanName FHIR.Element"`),
		ok("type", "active.type().name & ' ' & gender.type().baseType", `"boolean FHIR.string"`),
		ok("type", "link.type().name & ' ' & link.type().baseType", `"BackboneElement FHIR.Element"`),
		ok("type", "{}.type()", ""),
	})
}
