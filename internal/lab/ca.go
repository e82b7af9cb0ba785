package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// webNames are the names of the web server.
var webNames = []string{"example.test", "www.example.test", "download.example.test", "video.example.test"}

// CA is the certificate authority, made anew for each lab, that vouches for the
// web server of its Internet. Clients are to trust it.
func (l *Lab) CA() *x509.Certificate { return l.ca }

// CAOf is the CA of the lab on parent, which may be another process's; nil when
// there is none, or its lab has no journal.
func CAOf(parent string) (*x509.Certificate, error) {
	text, err := os.ReadFile(caFile(parent))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no certificate in it", caFile(parent))
	}
	return x509.ParseCertificate(block.Bytes)
}

func caFile(parent string) string { return filepath.Join(folderOf(parent), "ca.pem") }

// certify makes the CA, writes it down for other processes if the lab has a
// journal, and returns the certificate of the web server. Nobody keeps the CA's key.
func (l *Lab) certify() (tls.Certificate, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	webKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	// A tester's clock may be a little behind that of the lab.
	begin, end := time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lanstorm " + l.Parent},
		NotBefore: begin, NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	web := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: webNames[0]},
		NotBefore: begin, NotAfter: end,
		DNSNames: webNames, IPAddresses: []net.IP{webServer.AsSlice(), webServer6.AsSlice()},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caBytes, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	if l.ca, err = x509.ParseCertificate(caBytes); err != nil {
		return tls.Certificate{}, err
	}
	webBytes, err := x509.CreateCertificate(rand.Reader, web, l.ca, webKey.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate := tls.Certificate{Certificate: [][]byte{webBytes}, PrivateKey: webKey}
	if l.opts.Journal == nil {
		return certificate, nil
	}
	if err := l.keepFolder(); err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caBytes})
	return certificate, os.WriteFile(caFile(l.Parent), text, 0o644)
}
