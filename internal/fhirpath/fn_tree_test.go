package fhirpath_test

import "testing"

func TestTreeNavigation(t *testing.T) {
	run(t, []row{
		{"{}.children()", ""},
		{"1.children()", ""},
		{"active.children()", ""},
		{"meta.children()", `"2"`},
		{"birthDate.children().url", `"http://hl7.org/fhir/StructureDefinition/patient-birthTime"`},
		{"name[2].children()", `"maiden" "Windsor" "Peter" "James"`},
		{"name.given.children()", `"g2"`},
		{"deceased.children().value", "true"},
		{"identifier.children().type().name", `"uri" "string" "Period"`},
		{"children().type().name.distinct()", `"id" "boolean" "Meta" "Organization" "Identifier" "HumanName" "code" ` +
			`"date" "dateTime" "integer" "Reference" "BackboneElement"`},
		{"{}.descendants()", ""},
		{"active.descendants()", ""},
		{"identifier.descendants()", `"urn:a" "1" {"start": "2001-05-06", "end": "2002"} "2001-05-06" "2002"`},
		{"descendants().ofType(HumanName).count()", "3"},
		{"descendants().where(type().name = 'string').count()", "15"},
		{"name.descendants().given", ""},
	})
}

func TestUtility(t *testing.T) {
	run(t, []row{
		{"{}.trace('x')", ""},
		{"active.trace('x')", "true"},
		{"name.given.trace('x', length())", `"Peter" "James" "Jim" "Peter" "James"`},
		{"name.trace(1)", "compile semantic"},
		{"name.trace(deceased.extension.value)", "execution"},
		{"now()", `"2024-02-29T13:14:15.167+01:30"`},
		{"today()", `"2024-02-29"`},
		{"timeOfDay()", `"13:14:15.167"`},
		{"now() = now()", "true"},
		{"name.select(now()).distinct().count()", "1"},
	})
}

func TestDateTimeComponents(t *testing.T) {
	run(t, []row{
		{"{}.yearOf()", ""},
		{"birthDate.yearOf()", "1974"},
		{"@2012.monthOf()", ""},
		{"@2012-03.monthOf()", "3"},
		{"@2014-01-05T10:30:00.000.dayOf()", "5"},
		{"@T10.yearOf()", ""},
		{"(@2012 | @2013).yearOf()", "execution"},
		{"@2012-01-01T16:30:40.002-07:00.hourOf()", "16"},
		{"@T16:30.hourOf()", "16"},
		{"@2012-01-01.hourOf()", ""},
		{"@2012-01-01T16:30:40.002-07:00.minuteOf()", "30"},
		{"@T16:30:40.secondOf()", "40"},
		{"@T16:30:40.millisecondOf()", ""},
		{"@T16:30:40.002.millisecondOf()", "2"},
		{"@2012-01-01T12:30:00.000-07:00.timezoneOffsetOf() = -7", "true"},
		{"@2012-01-01T12:30:00.000+08:45.timezoneOffsetOf()", "8.75"},
		{"@2012-01-01T12:30:00.000.timezoneOffsetOf()", ""},
		{"@2012-01-01T12:30:00.000-07:00.dateOf()", `"2012-01-01"`},
		{"@2012-01.dateOf()", `"2012-01"`},
		{"@2012-01-01T12:30:00.000-07:00.timeOf()", `"12:30:00.000"`},
		{"@2012-01-01.timeOf()", ""},
		{"'2012'.yearOf()", ""},
	})
}

func TestBoundaries(t *testing.T) {
	run(t, []row{
		{"{}.lowBoundary()", ""},
		{"1.587.lowBoundary()", "1.58650000"},
		{"1.587.highBoundary(6)", "1.587500"},
		{"1.587.lowBoundary(-1)", ""},
		{"1.587.lowBoundary(99)", ""},
		{"1.587.lowBoundary({})", ""},
		{"1.lowBoundary()", "0.50000000"},
		{"(1 | 2).lowBoundary()", "execution"},
		{"1.587 'cm'.highBoundary(8)", `"1.58750000 'cm'"`},
		{"@2014.lowBoundary(6)", `"2014-01"`},
		{"@2014-02.highBoundary()", `"2014-02-28"`},
		{"@2014-02-03T10.lowBoundary()", `"2014-02-03T10:00:00.000+14:00"`},
		{"@T10:30.highBoundary()", `"10:30:59.999"`},
		{"birthDate.lowBoundary()", `"1974-12-25"`},
		{"identifier.period.lowBoundary()", `"2001-05-06T00:00:00.000+14:00"`},
		{"identifier.period.highBoundary()", `"2002-12-31T23:59:59.999-12:00"`},
		{"gender.lowBoundary()", "execution"},
		{"name.first().lowBoundary()", "execution"},
		{"1.58700.precision()", "5"},
		{"100.precision()", "0"},
		{"@2014.precision()", "4"},
		{"@2014-01-05T10:30:00.000.precision()", "17"},
		{"@T10:30.precision()", "4"},
		{"{}.precision()", ""},
		{"'a'.precision()", "execution"},
		{"1 'cm'.comparable(1 '[in_i]')", "true"},
		{"1 'cm'.comparable(1 's')", "false"},
		{"1.comparable(2)", "true"},
		{"1 year.comparable(1 'a')", "false"},
		{"1 'cm'.comparable({})", ""},
		{"{}.comparable(1 'cm')", ""},
	})
}

func TestDefineVariable(t *testing.T) {
	run(t, []row{
		{"defineVariable('v', 1).select(%v)", "1"},
		{"defineVariable('v').active", "true"},
		{"name.defineVariable('n', first()).select(%n.use)", `"official" "official" "official"`},
		{
			"name.select(defineVariable('u', use).given.select(%u & '-' & $this))",
			`"official-Peter" "official-James" "usual-Jim" "maiden-Peter" "maiden-James"`,
		},
		{"defineVariable('a', 1).defineVariable('b', %a + 1).select(%a | %b)", "1 2"},
		{"defineVariable('a', 1).select(%a) | defineVariable('a', 2).select(%a)", "1 2"},
		{"'x'.replace(defineVariable('p', 'x').select(%p), defineVariable('p', 'y').select(%p))", `"y"`},
		{"defineVariable('v1', 'value1').select(%v1).trace('data').defineVariable('v2', 'value2').select($this & ':' & %v1 & '-' & %v2)" +
			" | defineVariable('v3', 'value3').select(%v3)", `"value1:value1-value2" "value3"`},
		{
			"defineVariable('root', 'r1-').select(defineVariable('v1', 'v1').defineVariable('v2', 'v2').select(%v1 | %v2)).select(%root & $this)",
			`"r1-v1" "r1-v2"`,
		},
		{"defineVariable(defineVariable('param', 'ppp').select(%param), defineVariable('param', 'value').select(%param)).select(%ppp)", `"value"`},
		{"Patient.name.defineVariable('n1', first()).where(use = 'usual').select(%n1.family & given)", `"ChalmersJim"`},
		{"defineVariable('n1', name.first()).exists(%n1) | name.exists(%n1)", "compile semantic"},
		{"name.select(defineVariable('n1', $this).given.select(%n1.use)).distinct()", `"official" "usual" "maiden"`},
		{"name.where(defineVariable('u', use).select(%u = 'usual')).given", `"Jim"`},
		{"name.all(defineVariable('g', given).select(%g.exists()))", "true"},
		{"name.repeat(defineVariable('g', given).select(%g)).count()", "3"},
		{"(1 | 2).aggregate(defineVariable('t', $total).select(%t.first() + $this), 0)", "3"},
		{"defineVariable(iif(true, 'v'), 5).select(%v)", "5"},
		{"defineVariable(iif(true, 'v'), 5).select(%w)", "execution"},
		{"defineVariable('a', 1).select(%b)", "compile semantic"},
		{"defineVariable('a', 1).active | %a", "compile semantic"},
		{"name.select(defineVariable('a', 1)).select(%a)", "compile semantic"},
		{"defineVariable('a').defineVariable('a')", "compile semantic"},
		{"defineVariable('a').select(defineVariable('a'))", "compile semantic"},
		{"defineVariable('context')", "compile semantic"},
		{"defineVariable('')", "compile semantic"},
		{"defineVariable(iif(true, ''))", "execution"},
		{"defineVariable({})", "execution"},
		{"{}.defineVariable('a', 1).select(%a)", ""},
	})
}
