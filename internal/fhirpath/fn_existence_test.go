package fhirpath_test

import "testing"

func TestExistence(t *testing.T) {
	run(t, []row{
		// empty
		{"{}.empty()", "true"},
		{"name.empty()", "false"},
		{"active.empty()", "false"},
		{"deceased.empty()", "false"},
		// exists
		{"{}.exists()", "false"},
		{"active.exists()", "true"},
		{"name.exists()", "true"},
		{"name.exists(use = 'usual')", "true"},
		{"name.exists(use = 'old')", "false"},
		{"name.exists(family)", "true"},
		{"name.exists(given)", "execution"},
		{"name.exists($index = 2)", "true"},
		{"{}.exists(true)", "false"},
		{"name.exists(1, 2)", "compile semantic"},
		// all
		{"{}.all(false)", "true"},
		{"active.all($this)", "true"},
		{"name.all(given.exists())", "true"},
		{"name.all(family.exists())", "false"},
		{"name.all({})", "false"},
		{"name.all(given)", "execution"},
		{"name.all()", "compile semantic"},
		// allTrue, anyTrue, allFalse, anyFalse
		{"{}.allTrue() | {}.allFalse()", "true"},
		{"{}.anyTrue() | {}.anyFalse()", "false"},
		{"true.allTrue() and true.anyTrue()", "true"},
		{"false.allTrue() or false.anyTrue()", "false"},
		{"true.allFalse() or true.anyFalse()", "false"},
		{"false.allFalse() and false.anyFalse()", "true"},
		{"(true | false).allTrue()", "false"},
		{"(true | false).anyTrue()", "true"},
		{"(true | false).allFalse()", "false"},
		{"(true | false).anyFalse()", "true"},
		{"true.combine(true).allTrue()", "true"},
		{"active.allTrue()", "true"},
		{"(true | 'x').allTrue()", "execution"},
		// subsetOf, supersetOf
		{"{}.subsetOf({})", "true"},
		{"{}.subsetOf(1)", "true"},
		{"1.subsetOf({})", "false"},
		{"1.subsetOf(1 | 2)", "true"},
		{"(1 | 3).subsetOf(1 | 2)", "false"},
		{"name.first().subsetOf($this.name)", "true"},
		{"{}.supersetOf({})", "true"},
		{"{}.supersetOf(1)", "false"},
		{"1.supersetOf({})", "true"},
		{"(1 | 2).supersetOf(2)", "true"},
		{"(1 | 2).supersetOf(2 | 3)", "false"},
		// count
		{"{}.count()", "0"},
		{"active.count()", "1"},
		{"name.given.count()", "5"},
		// distinct, isDistinct
		{"{}.distinct()", ""},
		{"active.distinct()", "true"},
		{"name.given.distinct()", `"Peter" "James" "Jim"`},
		{"(1 'm').combine(100 'cm').distinct().count()", "1"},
		{"1.combine(1.0).distinct()", "1"},
		{"{}.isDistinct()", "true"},
		{"active.isDistinct()", "true"},
		{"name.given.isDistinct()", "false"},
		{"name.isDistinct()", "true"},
		{"name.combine(name).distinct().count()", "3"},
		// not
		{"{}.not()", ""},
		{"true.not()", "false"},
		{"false.not()", "true"},
		{"0.not()", "false"},
		{"name.not()", "execution"},
		{"name.first().not()", "false"},
	})
}

// TestDistinctOfMany goes beyond the size up to which items are compared one by one.
func TestDistinctOfMany(t *testing.T) {
	run(t, []row{
		{"1.repeatAll(iif($this < 200, $this + 1, {})).combine(1.repeatAll(iif($this < 300, $this + 1, {}))).distinct().count()", "299"},
		{"1.repeatAll(iif($this < 200, $this + 1, {})).combine(2.0).combine(0.0).combine(-0.0).combine(0).isDistinct()", "false"},
		{"1.repeatAll(iif($this < 200, $this + 1, {})).select('a' & toString()).combine('a7').count()", "200"},
		{"1.repeatAll(iif($this < 200, $this + 1, {})).select('a' & toString()).combine('a7').distinct().count()", "199"},
		{"1.repeatAll(iif($this < 50, $this + 1, {})).combine(7 '1').distinct().count()", "49"},
		{"1.repeatAll(iif($this < 50, $this + 1, {})).select(@2020-01-01 + $this * 1 'd').combine(@2020-02-01).isDistinct()", "false"},
		{"1.repeatAll(iif($this < 50, $this + 1, {})).select(%resource.name).distinct().count()", "3"},
		{"1.repeatAll(iif($this < 50, $this + 1, {})).subsetOf(1.repeatAll(iif($this < 60, $this + 1, {})))", "true"},
		{"1.repeatAll(iif($this < 50, $this + 1, {})).supersetOf(1.repeatAll(iif($this < 60, $this + 1, {})))", "false"},
	})
}
