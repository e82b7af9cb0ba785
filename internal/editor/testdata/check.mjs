// What an editor makes of features: node check.mjs lanstorm.js some.feature...
// Prints JSON: the errors in the first file, the sentences that are suggested, and what is
// underlined in the others, as file:line: message.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { buildSuggestions, ExpressionBuilder, getGherkinDiagnostics } from '@cucumber/language-service'
import { WasmParserAdapter } from '@cucumber/language-service/wasm'

const [glue, ...features] = process.argv.slice(2)
const main = createRequire(import.meta.url).resolve('@cucumber/language-service')
const adapter = new WasmParserAdapter(dirname(dirname(dirname(main))))
await adapter.init()
const source = { languageName: 'javascript', uri: glue, content: readFileSync(glue, 'utf8') }
const built = new ExpressionBuilder(adapter).build([source], [])
const expressions = built.expressionLinks.map((link) => link.expression)
console.log(JSON.stringify({
  errors: built.errors.map(String),
  suggested: buildSuggestions(built.registry, [], expressions).map((s) => s.label),
  underlined: features.flatMap((file) =>
    getGherkinDiagnostics(readFileSync(file, 'utf8'), expressions).map(
      (d) => `${file}:${d.range.start.line + 1}: ${d.message}`)),
}))
