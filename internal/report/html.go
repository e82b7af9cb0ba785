package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/record"
)

// What the page is made of. uPlot draws its charts; its licence goes with it.
var (
	//go:embed page.html.tmpl
	pageText string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
	//go:embed uplot/uPlot.iife.min.js
	uplotScript string
	//go:embed uplot/uPlot.min.css
	uplotStyle string
	//go:embed uplot/LICENSE
	uplotLicence string
)

var script = "\n/*\n" + uplotLicence + "\n*/\n" + uplotScript + pageScript

// policy lets a browser run our script and no other, and load nothing at all,
// whatever a router has put into a text.
func policy() string {
	sum := sha256.Sum256([]byte(script))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

var pageTemplate = template.Must(template.New("report.html").Funcs(functions).Funcs(template.FuncMap{
	"class":  func(v record.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
	"memory": func(bytes int64) string { return record.Digits(float64(bytes)/(1<<30)) + " GiB" },
	"time":   func(t time.Duration) string { return record.Seconds.Format(t.Seconds()) },
	"plots":  plots, "over": over, "cells": cells, "problems": problems, "unfold": unfold,
	"style":  func() template.CSS { return template.CSS(uplotStyle + pageStyle) },
	"script": func() template.JS { return template.JS(script) },
	"policy": policy,
}).Parse(pageText))

// HTML writes report.html: one file that needs no other and no network.
func HTML(w io.Writer, run *record.Run) error { return execute(w, pageTemplate, run) }

func execute(w io.Writer, t *template.Template, run *record.Run) error {
	var b bytes.Buffer
	if err := t.Execute(&b, run); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// unfold is whether a scenario is shown in full from the beginning.
func unfold(run *record.Run, s record.Scenario) bool {
	return s.Verdict == record.Failed || s.Verdict == record.Inconclusive || len(run.Scenarios) <= 3
}
