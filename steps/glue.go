package steps

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

var (
	anyParameter = regexp.MustCompile(`"<name>"|<\w+>(?:th\b)?`)
	inBrackets   = regexp.MustCompile(`\[([^][]*)\]`)
)

// WriteGlue writes every sentence as a step definition of Cucumber.js, for editors: those
// whose plugin is made of @cucumber/language-service read such files to complete and check
// features. Nothing runs it. Sentences are Cucumber Expressions, because the service
// suggests no sentence of a regular expression that no feature uses yet:
// https://github.com/cucumber/cucumber-expressions#readme
func WriteGlue(out io.Writer) error {
	types, steps := map[string]string{}, ""
	for _, c := range chapters(nil) {
		steps += "\n// " + c.title + "\n"
		for _, s := range c.sentences {
			for _, text := range variants(s.text) {
				steps += fmt.Sprintf("Given(`%s`, () => {}) // %s\n", expression(text, types), s.means)
			}
		}
	}
	var b strings.Builder
	b.WriteString("// Written by `lanstorm steps --glue`, for editors: docs/editors.md. Nothing runs it.\n\n")
	var definitions []string
	for name, re := range types {
		definitions = append(definitions, fmt.Sprintf("defineParameterType({ name: '%s', regexp: /%s/ })\n", name, re))
	}
	slices.Sort(definitions)
	b.WriteString(strings.Join(definitions, "") + steps)
	_, err := io.WriteString(out, b.String())
	return err
}

// variants are the sentence with and without each of its [optional parts]: an expression
// allows no parameter in an optional part.
func variants(text string) []string {
	m := inBrackets.FindStringSubmatchIndex(text)
	if m == nil {
		return []string{text}
	}
	var all []string
	for _, part := range []string{"", text[m[2]:m[3]]} {
		all = append(all, variants(text[:m[0]]+part+text[m[1]:])...)
	}
	return all
}

// literal quotes what means something in an expression, but for what means the same in our
// notation: client(s), have/has.
var literal = strings.NewReplacer("(s)", "(s)", "(es)", "(es)", "have/has", "have/has",
	`\`, `\\`, "(", `\(`, ")", `\)`, "{", `\{`, "}", `\}`, "/", `\/`)

// expression is a text in our notation as a Cucumber Expression. It adds the types of its
// parameters, name and regular expression, to types.
func expression(text string, types map[string]string) string {
	var b strings.Builder
	end := 0
	for _, at := range anyParameter.FindAllStringIndex(text, -1) {
		placeholder := text[at[0]:at[1]]
		name := strings.ToLower(strings.NewReplacer(`"`, "", "<", "", ">", "").Replace(placeholder))
		types[name] = notation.Replace(placeholder)
		b.WriteString(literal.Replace(text[end:at[0]]) + "{" + name + "}")
		end = at[1]
	}
	return b.String() + literal.Replace(text[end:])
}
