package fhirpath_test

import "testing"

func TestFiltering(t *testing.T) {
	run(t, []row{
		// where
		{"{}.where(true)", ""},
		{"active.where($this)", "true"},
		{"name.where(use = 'usual').given", `"Jim"`},
		{"name.where($index > 0).use", `"usual" "maiden"`},
		{"name.where({})", ""},
		{"name.where(family = 'Windsor' or family = 'Chalmers').use", `"official" "maiden"`},
		{"name.where(given)", "execution"},
		{"name.where(family).use", `"official" "maiden"`},
		{"name.where(given.where($this = 'Jim').exists()).use", `"usual"`},
		{"name.where(%context.active).count()", "3"},
		// select
		{"{}.select(1)", ""},
		{"active.select($this.not())", "false"},
		{"name.select(given)", `"Peter" "James" "Jim" "Peter" "James"`},
		{"name.select(use & ':' & given.first())", `"official:Peter" "usual:Jim" "maiden:Peter"`},
		{"name.select($index)", "0 1 2"},
		{"name.select(given.select($index))", "0 1 0 0 1"},
		{"name.select({})", ""},
		// sort
		{"{}.sort()", ""},
		{"active.sort()", "true"},
		{"(3 | 1 | 2).sort()", "1 2 3"},
		{"(3 | 1 | 2).sort($this desc)", "3 2 1"},
		{"(3 | 1 | 2).sort(-$this)", "3 2 1"},
		{"('3' | '1' | '10').sort($this asc)", `"1" "10" "3"`},
		{"name.sort(family).use", `"usual" "official" "maiden"`},
		{"name.sort(family desc).use", `"maiden" "official" "usual"`},
		{"name.sort(-family).use", `"usual" "maiden" "official"`},
		{"name.sort(given.first(), family desc).use", `"usual" "maiden" "official"`},
		{"(@2020 | @2019-05 | @2018).sort()", `"2018" "2019-05" "2020"`},
		{"(1 | 'a').sort()", "execution"},
		{"name.sort(given)", "execution"},
		{"name.sort()", "execution"},
		// repeat, repeatAll
		{"{}.repeat(1)", ""},
		{"name.repeat('x')", `"x"`},
		{"1.repeat(iif($this < 4, $this + 1, {}))", "2 3 4"},
		{"(1 | 2).repeat(iif($this < 4, $this + 1, {}))", "2 3 4"},
		{"(1 | 2).repeatAll(iif($this < 4, $this + 1, {}))", "2 3 3 4 4"},
		{"$this.repeat(contained).name", `"Acme"`},
		{"{}.repeatAll(1)", ""},
		{"active.repeat($this)", "true"},
		{"active.repeatAll($this)", "limit"},
		// ofType
		{"{}.ofType(string)", ""},
		{"multipleBirth.ofType(integer)", "2"},
		{"multipleBirth.ofType(boolean)", ""},
		{"name.ofType(HumanName).count()", "3"},
		{"name.ofType(Element).count()", "3"},
		{"contained.ofType(Organization).name", `"Acme"`},
		{"contained.ofType(DomainResource).count()", "1"},
		{"contained.ofType(Patient)", ""},
		{"(1 | 'a' | 2.0).ofType(String)", `"a"`},
		{"(1 | 'a' | 2.0).ofType(System.Decimal)", "2.0"},
		{"name.ofType(Nonsense)", "compile semantic"},
		{"name.ofType('string')", "compile semantic"},
		{"gender.ofType(string)", ""},
		{"gender.ofType(code)", `"male"`},
		// coalesce
		{"coalesce({}, {})", ""},
		{"coalesce({}, 1, 2)", "1"},
		{"coalesce(name.where(use = 'old'), name.where(use = 'usual')).given", `"Jim"`},
		{"coalesce(1, 'a' - 1)", "1"},
		{"coalesce()", "compile semantic"},
	})
}

func TestSubsetting(t *testing.T) {
	run(t, []row{
		// indexer
		{"{}[0]", ""},
		{"active[0]", "true"},
		{"name[1].given", `"Jim"`},
		{"name[3]", ""},
		{"name[-1]", ""},
		{"name[{}]", ""},
		{"name[1 | 2]", "execution"},
		{"name['a']", "compile semantic"},
		{"name[deceased.extension.value]", "execution"},
		{"name[multipleBirth].use", `"maiden"`},
		// single
		{"{}.single()", ""},
		{"active.single()", "true"},
		{"name.single()", "execution"},
		// first, last, tail
		{"{}.first() | {}.last() | {}.tail()", ""},
		{"active.first()", "true"},
		{"active.last()", "true"},
		{"active.tail()", ""},
		{"name.first().use", `"official"`},
		{"name.last().use", `"maiden"`},
		{"name.tail().use", `"usual" "maiden"`},
		// skip, take
		{"{}.skip(1) | {}.take(1)", ""},
		{"active.skip(0)", "true"},
		{"active.skip(1)", ""},
		{"active.take(1)", "true"},
		{"(1 | 2 | 3).skip(1)", "2 3"},
		{"(1 | 2 | 3).skip(-1)", "1 2 3"},
		{"(1 | 2 | 3).skip(9)", ""},
		{"(1 | 2 | 3).take(2)", "1 2"},
		{"(1 | 2 | 3).take(9)", "1 2 3"},
		{"(1 | 2 | 3).take(-1)", ""},
		{"(1 | 2 | 3).take({})", ""},
		{"(1 | 2 | 3).take('a')", "compile semantic"},
		{"(1 | 2 | 3).take(deceased.extension.value)", "execution"},
		// intersect, exclude
		{"{}.intersect(1)", ""},
		{"1.intersect({})", ""},
		{"1.intersect(1)", "1"},
		{"(1 | 2 | 3).intersect(2 | 4)", "2"},
		{"1.combine(1).intersect(1)", "1"},
		{"name.intersect(name.where(use = 'usual')).given", `"Jim"`},
		{"{}.exclude(1)", ""},
		{"1.exclude({})", "1"},
		{"(1 | 2 | 3).exclude(2)", "1 3"},
		{"1.combine(1).combine(2).exclude(2)", "1 1"},
		{"name.given.exclude('Peter' | 'Jim')", `"James" "James"`},
	})
}

func TestCombining(t *testing.T) {
	run(t, []row{
		{"{}.union({})", ""},
		{"{}.union(1)", "1"},
		{"1.union({})", "1"},
		{"1.union(1)", "1"},
		{"1.combine(1).combine(2).union(2 | 3)", "1 2 3"},
		{"name.select(use.union(given)).count()", "8"},
		{"{}.combine({})", ""},
		{"{}.combine(1)", "1"},
		{"1.combine({})", "1"},
		{"1.combine(1)", "1 1"},
		{"(1 | 2).combine(2 | 3, true)", "1 2 2 3"},
		{"name.given.combine(name.family).count()", "7"},
		{"1.combine()", "compile semantic"},
	})
}
