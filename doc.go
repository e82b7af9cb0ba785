// Package lanstorm has no code of its own: it is the place from which `go
// test` and `godog run` run the features. Start with README.md.
package lanstorm
