// Package benchmarks measures ResearchFlow's engine against the floors of the machine it runs on.
//
// It is a module of its own, so that the libraries it compares with never reach the go.mod of a user.
// It has these benchmarks:
//
//   - BenchmarkFloors: how fast the bytes of each file can be walked at all: by lines, by sonic.Valid,
//     gjson.Valid, encoding/json and by our tape.
//   - BenchmarkTape: our tape and sonic.Valid by turns on the same pieces of the same file. The metric
//     "of-sonic" is the ratio of their speeds, which holds on a loaded machine where MB/s do not.
//   - BenchmarkProjection: the same for a tape of no more than the members that a shared view reads.
//   - BenchmarkViews: each shared view to CSV on one core, with sonic.Valid in the same run.
//   - BenchmarkScaling: each shared view with two workers against one.
//   - BenchmarkCompile: the time to compile a view.
//   - BenchmarkWriters: each format of output against rows thrown away.
//
// The folder peers runs other engines on the same bytes and views, chart draws their results, and stream runs a
// view over a stream of any length and prints the peak of resident memory.
//
// The data is data/large beside the repository, decompressed once into a temporary folder.
package benchmarks
