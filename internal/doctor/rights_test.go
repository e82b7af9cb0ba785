package doctor

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWithoutRootTheDoctorRunsForReal calls itself as a user without rights
// when it is run by root.
func TestWithoutRootTheDoctorRunsForReal(t *testing.T) {
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("as user %d: %v\n%s", nobody, err, out)
		}
		return
	}
	checks := Run(t.Context(), Options{Interface: "lab", Clients: 10})
	got := map[string]string{}
	for _, c := range checks {
		got[c.Name] = string(c.Status) + ", " + c.Remedy
		if c.Status == Skipped {
			got[c.Name] = "skipped: " + c.Finding
		}
	}
	for name, want := range map[string]string{
		"root":           "problem, run this with sudo",
		"namespaces":     "skipped: needs root",
		"packet sockets": "skipped: needs root",
		"macvlan":        "skipped: needs root",
		"veth":           "skipped: needs root",
		"masquerade":     "skipped: needs root",
		"interface":      "ok, ",
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCheckRights(t *testing.T) {
	const status = "proc/self/status"
	for _, tt := range []struct {
		name   string
		status string
		want   string
		root   bool
	}{
		{
			name:   "root can do everything",
			status: "Name:\tlanstorm\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
			want:   "ok: root, with CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_NET_RAW",
			root:   true,
		},
		{
			name:   "only the effective user counts",
			status: "Uid:\t1000\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
			want:   "ok: root, with CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_NET_RAW",
			root:   true,
		},
		{
			name:   "an ordinary user needs sudo",
			status: "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n",
			want:   "problem: not root (user id 1000) -> run this with sudo",
		},
		{
			name:   "root in a container as Docker makes it lacks two capabilities",
			status: "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n",
			want: "problem: root, but without CAP_NET_ADMIN, CAP_SYS_ADMIN -> in a container, add them " +
				"(docker run --cap-add CAP_NET_ADMIN --cap-add CAP_SYS_ADMIN, or --privileged); or run this outside of it",
		},
		{
			name:   "no user at all",
			status: "CapEff:\t0\n",
			want:   "skipped: cannot be told: /proc/self/status names no user",
		},
		{
			name:   "nonsense for capabilities",
			status: "Uid:\t0\t0\t0\t0\nCapEff:\tall\n",
			want:   `skipped: cannot be told: /proc/self/status: CapEff: strconv.ParseUint: parsing "all": invalid syntax`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{}, map[string]string{status: tt.status})
			compare(t, tt.want, e.checkRights())
			if e.known[isRoot] != tt.root {
				t.Errorf("counts as root: %t", e.known[isRoot])
			}
		})
	}
}
