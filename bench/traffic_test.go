package main

import (
	"io"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
)

func TestTrafficIsMeasured(t *testing.T) {
	need(t, "iperf3", "nginx")
	s := &bench.Session{Mode: "bridge", Repeat: 1, Progress: io.Discard, Patience: t.Context()}
	err := s.Run(func() error {
		return s.InLab(lab.Builtin, time.Hour, func(l *lab.Lab) error {
			all, err := transfers(t.Context(), s, l, 3, time.Second)
			if err != nil || len(all) != 5 {
				t.Errorf("%+v, %v", all, err)
			}
			for _, r := range all {
				if r.Rate <= 0 || r.CPU <= 0 || r.Streams != 3 {
					t.Errorf("%+v", r)
				}
			}
			f, err := fair(t.Context(), s, l, 3)
			if err != nil || f.Clients != 3 || f.Right != 3 || f.Jain <= 1./3 || f.Jain > 1 {
				t.Errorf("%+v, %v", f, err)
			}
			m, err := mixed(t.Context(), s, l, 6, time.Second, 2*time.Second)
			if err != nil || m.Clients != 6 || m.Done < 6 || m.Failed > 0 || m.Early.Resident == 0 || m.End.Resident == 0 {
				t.Errorf("%+v, %v", m, err)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
