package steps

import (
	"os/exec"
	"testing"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// A server that nobody here wrote gives and takes as the lab's does.
func TestTrafficWithNginx(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("needs nginx: install it (apt install nginx)")
	}
	l, err := lab.Start(quick(t, nil).Lab)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	internet, err := namespace.Open(l.Namespaces()[1])
	if err != nil {
		t.Fatal(err)
	}
	defer internet.Close()
	const at = "198.51.100.80:8080"
	stop, err := nstest.Nginx(at, 20e6, internet.Start)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, verify := range []string{"length", "hash"} {
		t.Run(verify, func(t *testing.T) {
			settings := map[string]string{
				"interface": l.Parent, "download.url": "http://" + at + "/file.zip", "upload.url": "http://" + at + "/upload", "download.verify": verify,
				"video.urls": "http://198.51.100.80/vod/master.m3u8", "stress.seed": "1",
			}
			code, output := runFeature(t, quick(t, settings), "",
				`the download target URL is configured`,
				`a 20MB ZIP file URL is configured as the download source`,
				`I create 5 virtual clients using macvlan`,
				downloads,
				`all clients start downloading the configured file simultaneously`,
				`each client should complete the download within 60 seconds`,
				`each client should complete the download`,
				`the total throughput should be at least 1 Mbit/s`,
				`no client should get less than 1% of the fair share`,
				`all clients start uploading 20MB simultaneously`,
				`each client should complete the upload`,
				`2 of the clients keep downloading`,
				`2 of the clients keep uploading`,
				`the other clients measure the latency to the router for 2 seconds`,
				`the downloads stop`,
				`the uploads stop`,
				"the clients do this for 2 seconds:\n      | clients | doing |\n      | 2 | downloading |\n      | 2 | uploading |\n      | 1 | idle |",
				`a stress scenario manager with duration 2 seconds and download URL "http://`+at+`/file.zip"`,
				`I start the stress test`,
				`I should see results for each namespace`,
			)
			if code != ExitPassed {
				t.Errorf("exit code %d:\n%s", code, output)
			}
		})
	}
}
