package check

import (
	"slices"
	"strings"
)

// Nearest returns the name that got was most likely meant to be; ok is false if none is near. Case counts less
// than letters. It reorders names.
func Nearest(got string, names []string) (name string, ok bool) {
	least := 3
	if len(got) <= 3 {
		least = 2
	}
	slices.Sort(names)
	for _, candidate := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(candidate), least); d < least {
			name, least = candidate, d
		}
	}
	return name, name != "" && name != got
}

// didYouMean returns "; did you mean " and the name nearest to got with prefix before it, "" when none is near.
func didYouMean(got string, names []string, prefix string) string {
	if name, ok := Nearest(got, names); ok {
		return "; did you mean " + prefix + name
	}
	return ""
}

// distance counts the insertions, deletions, changes and swaps of neighbours that make a into b, and gives up
// at limit.
func distance(a, b string, limit int) int {
	if len(a) > 64 || len(b) > 64 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var rows [3][65]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, last, older := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return min(rows[len(a)%3][len(b)], limit)
}
