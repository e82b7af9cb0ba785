package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	fileName  = "godog.yml"
	etcFile   = "/etc/lanstorm/" + fileName // the Debian package's
	envPrefix = "LANSTORM_"
	envFile   = envPrefix + "CONFIG"
	envTest   = envPrefix + "TEST_" // variables of tests, which are no keys
)

// Load finds, reads and checks the configuration. path is what --config said;
// "" means $LANSTORM_CONFIG, else the first godog.yml from the working directory
// upwards, else /etc/lanstorm/godog.yml, else no file at all. A file that was asked
// for by name must exist. Environment variables override the file. Errors are one
// line each.
func Load(path string) (Config, error) {
	file, err := find(path)
	if err != nil {
		return Config{}, fmt.Errorf("find %s: %w", fileName, err)
	}
	c := Default()
	c.Origin = map[string]string{}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		if err := c.readFile(displayName(file), data); err != nil {
			return Config{}, err
		}
	}
	if err := c.readEnv(os.Environ()); err != nil {
		return Config{}, err
	}
	err = c.finish()
	return c, err
}

// find returns the file to read, or "" when there is none.
func find(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	if path := os.Getenv(envFile); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	for err == nil {
		file := filepath.Join(dir, fileName)
		if _, err = os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if dir == "/" {
			if _, err = os.Stat(etcFile); errors.Is(err, fs.ErrNotExist) {
				return "", nil
			}
			return etcFile, err
		}
		dir, err = filepath.Dir(dir), nil
	}
	return "", err
}

// displayName returns file as errors name it: from the working directory when
// it is below that, else in full.
func displayName(file string) string {
	full, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	dir, _ := os.Getwd()
	if rel, err := filepath.Rel(dir, full); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return full
}

// put sets k. at is what an error about its value begins with.
func (c *Config) put(k key, at, text string) error {
	if err := k.set(c, text); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	c.Origin[k.path] = strings.TrimSuffix(at, ": "+k.path)
	return nil
}

// readEnv overrides keys from environ, which has the form of [os.Environ].
func (c *Config) readEnv(environ []string) error {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == envFile || strings.HasPrefix(name, envTest) {
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return envName(k.path) == name })
		if i < 0 {
			return fmt.Errorf("%s: %w", printable(name), unknownEnv(name))
		}
		if err := c.put(keys[i], name, text); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the checks that span keys. They wait for the environment, which
// may mend what the file alone gets wrong.
func (c *Config) finish() error {
	err := c.fit()
	if err == nil {
		return nil
	}
	at := c.Origin["lab.pool"]
	if !strings.HasPrefix(at, envPrefix) {
		at += ": lab.pool"
	}
	return fmt.Errorf("%s: %w", at, err)
}

// envName returns the variable that overrides the key at path.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}
