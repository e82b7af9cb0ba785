package guard

import (
	"errors"
	"regexp"
	"testing"
)

func TestAPanicBecomesAnErrorThatSaysWhere(t *testing.T) {
	var nothing *struct{ Name string }
	for _, tt := range []struct {
		name string
		do   func() error
		want string
	}{
		{"no panic", func() error { return errors.New("plain") }, `^plain$`},
		{"a panic", func() error { panic("juggling") }, `^tester: panic: juggling \(guard_test.go:\d+\)$`},
		{"a fault of memory", func() error { return errors.New(nothing.Name) }, `^tester: panic: runtime error: .* \(guard_test.go:\d+\)$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Do(tt.do); !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("got %q, want %s", err, tt.want)
			}
		})
	}
}
