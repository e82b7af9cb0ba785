package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// name is how the folder of a run is called: by its start.
const name = "2006-01-02_150405"

// makeFolder makes the folder of a run in results, and results itself if need be.
// All of it belongs to who called sudo.
func makeFolder(results string, start time.Time) (dir string, err error) {
	if err := Folder(results); err != nil {
		return "", err
	}
	for i := 1; ; i++ {
		dir = filepath.Join(results, start.Format(name))
		if i > 1 {
			dir += "." + strconv.Itoa(i)
		}
		err := os.Mkdir(dir, 0o777)
		if errors.Is(err, fs.ErrExist) && i < 100 { // of a run that began in the same second
			continue
		}
		if err != nil {
			return "", err
		}
		Own(dir)
		return dir, nil
	}
}

// Folder makes a folder that is not there, and those above it.
func Folder(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(path, 0o777); err == nil {
			Own(path)
		}
	}
	return err
}

// Own gives a file to the user who called sudo (sudo(8)). Where that cannot be,
// it stays root's.
func Own(path string) {
	uid, errUID := strconv.Atoi(os.Getenv("SUDO_UID"))
	gid, errGID := strconv.Atoi(os.Getenv("SUDO_GID"))
	if errUID == nil && errGID == nil {
		_ = os.Lchown(path, uid, gid)
	}
}

// WriteFile writes a file into the folder of a run, whole or not at all.
func WriteFile(dir, file string, data []byte) error {
	return WriteStream(dir, file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteStream does so with what write writes. A folder that file names is made
// if need be, that of the run is not.
func WriteStream(dir, file string, write func(io.Writer) error) error {
	path := filepath.Join(dir, file)
	if folder := filepath.Dir(path); filepath.Dir(file) != "." && os.Mkdir(folder, 0o777) == nil {
		Own(folder)
	}
	draft := path + ".part"
	f, err := os.Create(draft)
	if err != nil {
		return err
	}
	Own(draft)
	if err := errors.Join(write(f), f.Close()); err != nil {
		_ = os.Remove(draft)
		return err
	}
	return os.Rename(draft, path)
}

// Create makes a file in the folder of a run, to be written while the run goes.
func Create(dir, file string) (*os.File, error) {
	path := filepath.Join(dir, file)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
	if err == nil {
		Own(path)
	}
	return f, err
}

// point makes latest lead to the folder.
func point(results, dir string) error {
	draft := filepath.Join(results, fmt.Sprintf(".latest.%d", os.Getpid()))
	_ = os.Remove(draft)
	if err := os.Symlink(filepath.Base(dir), draft); err != nil {
		return err
	}
	Own(draft)
	return os.Rename(draft, filepath.Join(results, "latest"))
}

// folders are the folders of runs in results, the oldest first.
func folders(results string) ([]string, error) {
	entries, err := os.ReadDir(results)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if len(e.Name()) < len(name) {
			continue
		}
		if _, err := time.Parse(name, e.Name()[:len(name)]); err != nil || !e.IsDir() {
			continue
		}
		dir := filepath.Join(results, e.Name())
		if _, err := os.Stat(filepath.Join(dir, EventsFile)); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// prune removes the oldest runs, so that keep are left. What else lies there stays.
func prune(results string, keep int) error {
	dirs, err := folders(results)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs[:max(0, len(dirs)-keep)] {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
