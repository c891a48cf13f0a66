import { childPointer } from '../position.ts';
import type { ResolvedBackup } from '../resolved.ts';
import { quoted } from '../wording.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

/** Names of variables that hold secrets; those of files that hold them are fine. */
const secretName = /pass(?:word|wd|phrase)?|secret|token|api_?key|private_?key|access_?key$|credential/i;
const fileName = /file$|path$|dir$/i;

/** What real keys and tokens look like, whatever they are called. */
const secretText = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bAGE-SECRET-KEY-1[0-9A-Z]{20,}/,
  /\bgh[pousr]_[A-Za-z0-9]{36}/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/,
  /\bsk_live_[A-Za-z0-9]{16,}/,
  /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/:@]+@/i,
  /^--?(?:password|passwd|passphrase|secret|token|api-?key)=./i,
];

/** A key that is called like a secret with a text behind it, where a plan has `{ secret: name }`. */
const secretKey =
  /(?:pass(?:word|wd|phrase)?|token|api[-_]?key|private[-_]?key|secret[-_]?(?:access[-_]?)?key)["']?\s*:\s*["']?[^\s{[&*"'#,}$]/i;

/** Whether a line of a plan, right or wrong, seems to show a secret. */
export const holdsSecret = (line: string): boolean =>
  secretKey.test(line) || secretText.some((pattern) => pattern.test(line));

export const plainSecret: Rule = {
  id: 'plain-secret',
  severity: 'error',
  waivable: true,
  check: (context) => {
    const findings: Finding[] = [];
    visit(context.plan, '', null, (pointer, what) => {
      findings.push({
        pointer,
        message: `${what} in plain text, where every reader of the plan sees it`,
        expected: 'an entry of "secrets" and { secret: its name }',
        backups: concerned(pointer, context),
        hideLine: true,
      });
    });
    return findings;
  },
};

function visit(
  node: unknown,
  pointer: string,
  variable: string | null,
  report: (pointer: string, what: string) => void,
): void {
  if (typeof node === 'string') {
    const isSecret = variable !== null && secretName.test(variable) && !fileName.test(variable) && node !== '';
    if (isSecret) report(pointer, `${quoted(variable)} looks like a secret and stands`);
    else if (secretText.some((pattern) => pattern.test(node))) report(pointer, 'this looks like a secret and stands');
  }
  if (typeof node !== 'object' || node === null) return;
  const isEnvironment = /\/environment$|\/destinations\/[^/]+\/options$/.test(pointer);
  for (const [key, value] of Object.entries(node)) {
    // Reasons and secrets' own places are words about secrets.
    if (pointer === '' && key === 'secrets') continue;
    visit(value, childPointer(pointer, key), isEnvironment ? key : null, report);
  }
}

/** The backups that what stands at a pointer is part of. */
function concerned(pointer: string, { resolved }: RuleContext): string[] {
  const [, section, name] = pointer.split('/');
  const uses = ({ name: own, source }: ResolvedBackup) =>
    section === 'defaults' ||
    (section === 'backups' && own === name) ||
    (section === 'sources' && source.name === name);
  return resolved.backups.filter(uses).map((backup) => backup.name);
}
