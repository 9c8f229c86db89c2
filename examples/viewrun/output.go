package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// output is where rows go. A regular file is written under a temporary name and renamed by commit, so it is either
// complete or absent.
type output struct {
	io.Writer
	file *os.File
	path string // the final name; "" if the file is written in place
}

// create opens the output. Without a path that is w.
func create(path string, w io.Writer) (*output, error) {
	if path == "" {
		return &output{Writer: w}, nil
	}
	mode := os.FileMode(0o666) // before the umask
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, usagef("%s: is a directory", path)
	case err == nil && !info.Mode().IsRegular(): // a device or a pipe
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, usagef("%s", pathError(err))
		}
		return &output{Writer: f, file: f}, nil
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, os.ErrNotExist):
		return nil, usagef("%s", pathError(err))
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil { // the error names the path that the user gave
		var cause *os.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, usagef("%s: %w", path, err)
	}
	name := temp.Name()
	temp.Close()
	os.Remove(name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, usagef("%s", pathError(err))
	}
	if info != nil { // keep the mode of the replaced file, whatever the umask is
		if err := f.Chmod(mode); err != nil {
			f.Close()
			os.Remove(name)
			return nil, usagef("%s", pathError(err))
		}
	}
	return &output{Writer: f, file: f, path: path}, nil
}

// commit completes the output: it gives the file its final name.
func (o *output) commit() error {
	if o.file == nil {
		return nil
	}
	f := o.file
	if o.path == "" {
		o.file = nil
		return f.Close()
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), o.path); err != nil {
		return err
	}
	o.file = nil
	return nil
}

// discard removes an output that was not committed.
func (o *output) discard() {
	if o.file == nil {
		return
	}
	o.file.Close()
	if o.path != "" {
		os.Remove(o.file.Name())
	}
}
