/** What YAML's own complaints mean to a person who writes a plan. The first line that fits is used. */
const explanations: [code: string, part: RegExp, message: string, expected?: string][] = [
  ['TAB_AS_INDENT', /./, 'a tab cannot indent a line in YAML', 'spaces'],
  ['BAD_INDENT', /mapping items/, 'this line is not indented like the keys beside it'],
  ['BAD_INDENT', /sequence items/, 'this line is not indented like the list items beside it'],
  ['BAD_INDENT', /Flow map/, 'a { is not closed, or what it holds is not indented', 'a }'],
  ['BAD_INDENT', /Flow seq/, 'a [ is not closed, or what it holds is not indented', 'a ]'],
  ['BAD_INDENT', /Block scalar/, 'a line of this text is indented less than its first'],
  ['BLOCK_AS_IMPLICIT_KEY', /sequence/, 'this list item is not indented like the ones beside it'],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    /./,
    'a second `key:` stands where one value is expected',
    'quotes around a text with `: `, or a key on a line of its own',
  ],
  ['BLOCK_IN_FLOW', /./, 'an indented block cannot stand inside { } or [ ]'],
  ['MULTILINE_IMPLICIT_KEY', /./, 'this line has no `key:`', 'a key, a colon and a space'],
  ['KEY_OVER_1024_CHARS', /./, 'a key is longer than 1024 characters'],
  ['MISSING_CHAR', /closing "/, 'a text is not closed', 'a closing "'],
  ['MISSING_CHAR', /closing '/, 'a text is not closed', "a closing '"],
  ['MISSING_CHAR', /Implicit map keys/, 'this line has no `key:`', 'a key, a colon and a space'],
  ['MISSING_CHAR', /Comments/, 'a comment needs a space before its #'],
  ['MISSING_CHAR', /Missing ,/, 'two values stand side by side', 'a comma between them'],
  ['MISSING_CHAR', /end with a }/, 'a { is not closed', 'a }'],
  ['MISSING_CHAR', /end with a \]/, 'a [ is not closed', 'a ]'],
  ['MISSING_CHAR', /leading empty lines/, 'a blank line before this text is indented more than the text'],
  ['MISSING_CHAR', /directives-end/, 'a directive stands before a line `---` and a plan', 'a line ---'],
  ['MISSING_CHAR', /space after :/, 'a colon needs a space after it'],
  ['BAD_SCALAR_START', /./, 'a text cannot begin with this character', 'quotes around the text'],
  [
    'BAD_DQ_ESCAPE',
    /./,
    'a backslash in "…" begins an escape, and this is none',
    "'…' for a text with backslashes, or \\\\",
  ],
  ['BAD_ALIAS', /./, 'a * or & names nothing', 'quotes around a text that begins so'],
  ['MULTIPLE_ANCHORS', /./, 'a value has two anchors'],
  ['ALIAS_PROPS', /./, 'an alias cannot have an anchor of its own'],
  [
    'UNEXPECTED_TOKEN',
    /same line with key/,
    'a list cannot begin on the line of its key',
    'the first `- ` on the next line',
  ],
  ['UNEXPECTED_TOKEN', /Unexpected ,/, 'a comma stands where a value is expected', 'a value'],
  ['UNEXPECTED_TOKEN', /flow-map-end|flow-seq-end/, 'a bracket is closed that was not opened'],
  ['UNEXPECTED_TOKEN', /./, 'this does not belong here', 'the end of the value before it'],
];

/** A sentence for an error of the YAML reader, and what was expected in its place. */
export function explain(code: string, message: string): { message: string; expected?: string } {
  const found = explanations.find(([ofCode, part]) => ofCode === code && part.test(message));
  if (!found) return { message: `this is not YAML: ${message}` };
  return { message: found[2], ...(found[3] && { expected: found[3] }) };
}
