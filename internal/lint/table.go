package lint

import "strings"

// Table is the table of imports as Markdown, for CONTRIBUTING.md.
func Table() string {
	var b strings.Builder
	b.WriteString("| package | may import of this module | and of others |\n| --- | --- | --- |\n")
	for _, r := range Rules() {
		b.WriteString("| `" + r.Folder + "` | " + cell(r.Own) + " | " + cell(r.Others) + " |\n")
	}
	return b.String()
}

func cell(paths []string) string {
	if len(paths) == 0 {
		return "nothing"
	}
	return "`" + strings.Join(paths, "`, `") + "`"
}
