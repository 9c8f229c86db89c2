// Package ndjson reads newline-delimited JSON in large blocks of whole lines.
//
// A [Reader] goes through one or more inputs, plain or compressed (gzip with any number of members, zstd
// with any number of frames; told apart by their first bytes), and hands out [Block] values that each hold
// whole lines of one input. Several goroutines may take blocks from one reader, so that reading is shared
// out with the work; [Block.Index] restores the order. A block is given back with [Block.Release] and its
// buffer used again: in the steady state nothing is allocated.
//
//	r := ndjson.NewReader(ndjson.Config{}, ndjson.File("Patient.ndjson.gz"))
//	defer r.Close()
//	for {
//		block, err := r.Next(ctx)
//		if err == io.EOF {
//			break
//		}
//		if err != nil {
//			return err // names the file, and the line where there is one; or call Next again to go on behind it
//		}
//		for number, line := range block.Lines() {
//			...
//		}
//		block.Release()
//	}
//
// A line ends at a line feed or at the end of its input. A carriage return before the line feed and a byte
// order mark at the begin of an input are taken away, and lines of white space are passed over, but counted.
// Everything else, bytes that are not text included, is left to whoever parses the line.
package ndjson
