// Package ndjson reads newline-delimited JSON in large blocks of whole lines.
//
// A [Reader] reads one or more inputs, plain or compressed (gzip with any number of members, zstd with any number of
// frames, detected by their first bytes), and returns [Block] values with complete lines of one input. Several
// goroutines may take blocks from one reader, so that reading runs in parallel with the work; [Block.Index] restores
// the order. [Block.Release] returns a block's buffer for reuse: in the steady state nothing is allocated.
//
//	r := ndjson.NewReader(ndjson.Config{}, ndjson.File("Patient.ndjson.gz"))
//	defer r.Close()
//	for {
//		block, err := r.Next(ctx)
//		if err == io.EOF {
//			break
//		}
//		if err != nil {
//			return err // names the file, and the line if there is one; Next may be called again to continue after it
//		}
//		for number, line := range block.Lines() {
//			...
//		}
//		block.Release()
//	}
//
// A line ends at a line feed or at the end of its input. A carriage return before the line feed and a byte order mark
// at the beginning of an input are removed. Lines of white space are skipped, but counted. Everything else is
// returned as it is, even if it is not text.
package ndjson
