// Command stream runs a view over a stream of any length, a file read again and again, and prints the speed and the
// peak of the memory that was resident.
//
//	go run ./stream -view ../../shared/views/lab_observation.json -file DIR/Observation.ndjson -size 10000
//
// The file is plain NDJSON. The exit code is 1 where the run failed or the memory went over -most. It reads
// /proc/self/status, which is there on Linux only.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/runner"
)

func main() {
	viewFile := flag.String("view", "", "`FILE` of the ViewDefinition")
	file := flag.String("file", "", "NDJSON `FILE` to read again and again")
	size := flag.Int64("size", 1000, "how many `MB` to read; the last repetition is read to its end")
	out := flag.String("out", os.DevNull, "CSV `FILE` to write")
	parallel := flag.Int("parallel", 0, "`workers`; 0: one for each processor")
	most := flag.Int64("most", 128, "`MB` that may be resident")
	flag.Parse()
	if err := stream(*viewFile, *file, *out, *size*1e6, *parallel, *most*1e6); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func stream(viewFile, file, out string, size int64, parallel int, most int64) (err error) {
	text, err := os.ReadFile(viewFile)
	if err != nil {
		return err
	}
	view, err := runner.CompileJSON(text)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	src := runner.Reader(filepath.Base(file), &repeater{file: in, least: size})
	stats, err := view.Write(context.Background(), src, runner.NewCSVWriter(to), runner.Parallel(parallel))
	if err != nil {
		return err
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"view": view.Name(), "bytes": stats.Bytes, "resources": stats.Resources, "rows": stats.Rows, "workers": stats.Workers,
		"seconds": stats.Duration.Seconds(), "MB/s": float64(stats.Bytes) / stats.Duration.Seconds() / 1e6,
		"peak resident MB": float64(peak) / 1e6,
	})
	if err == nil && peak > most {
		err = fmt.Errorf("%d bytes were resident, %d may be", peak, most)
	}
	return err
}

// repeater reads a file again and again until least bytes have been read and the file is at its end.
type repeater struct {
	file  *os.File
	least int64
	read  int64
	round int64 // bytes of this round
}

func (r *repeater) Read(p []byte) (int, error) {
	for {
		n, err := r.file.Read(p)
		r.read += int64(n)
		r.round += int64(n)
		switch {
		case n > 0:
			return n, nil
		case err != io.EOF || r.read >= r.least || r.round == 0:
			return 0, err
		}
		r.round = 0
		if _, err := r.file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
	}
}

// peakMemory returns the most bytes of this process that were in memory at once.
func peakMemory() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("/proc/self/status has no VmHWM"))
}
