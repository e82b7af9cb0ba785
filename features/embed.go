// Package features holds the scenarios that come with lanstorm, for the binary
// that is copied somewhere without them.
package features

import "embed"

// FS has a folder for each topic.
//
//go:embed */*.feature
var FS embed.FS
