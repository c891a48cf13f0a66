/** `password = value` in whatever a configuration is written in: .env, INI, YAML, JSON, XML, scripts. */
import { passwordsIn } from './lines.ts';
import { isReference, looksMade } from './values.ts';

const single = new Set(
  'password passwd passphrase passcode pass pwd pw secret secrets token psk credential credentials bindpw rootpw authtok'.split(
    ' ',
  ),
);
const pairs = new Set(
  'api private access secret auth encryption signing account shared master deploy client-key preshared pre-shared service license'
    .split(' ')
    .map((word) => `${word} key`),
);
const joined =
  /(?:password|passwd|passphrase|apikey|secretkey|accesskey|privatekey|authkey|authtoken|accesstoken|secrettoken|requirepass|masterauth)$/;
/** What may follow the word in a name without changing what it is. */
const tails = new Set(
  'prod production live staging stage dev development test default main primary old new plain value base base64 data'.split(
    ' ',
  ),
);

/** Whether a name is that of a secret itself, not of its file, its length or its policy. */
export function namesSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/\d+$/, ''))
    .filter((word) => word !== '');
  while (words.length > 1 && tails.has(words.at(-1)!)) words.pop();
  const last = words.at(-1) ?? '';
  // `existingSecret: shop-db` names one that lies elsewhere.
  if (words.includes('existing') || words.includes('ref')) return false;
  if (last === 'key' && words.includes('public')) return false;
  return single.has(last) || joined.test(last) || pairs.has(words.slice(-2).join(' '));
}

/** Name and value; a value in quotes, or up to the next blank. */
const assignment =
  /(?<![\w$])([A-Za-z_$][\w$.-]{0,100})["']?\]?\s{0,40}(?:=>|:=|\?=|=|:)\s{0,40}("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|!\w+\s+\S+|[^\s,;}#&"']+)/g;
/** Most lines hold none of these, and need no closer look. */
const hint = /pass|pwd|pw\b|secret|token|key|psk|cred|auth|user|-u\b|bindpw|rootpw|mysql|mariadb/i;
const element = /<([A-Za-z][\w.:-]*)(?:\s[^<>]*)?>([^<>]+)<\//g;
const attribute = /<[^<>]{0,200}\b(?:name|key)=["']([^"'<>]+)["'][^<>]{0,200}\bvalue=["']([^"'<>]*)["']/gi;
/** `define('DB_PASSWORD', 'hunter2')` */
const defined = /\(\s*["']([\w.-]+)["']\s*,\s*["']([^"']+)["']\s*\)/g;
/** Settings whose name and value have only a blank between them. */
const spaced =
  /^\s*(requirepass|masterauth|bindpw|rootbindpw|rootpw|ldap_default_authtok|sasl_password|secret|enable secret|--?password)\s+("[^"]*"|'[^']*'|\S+)\s*$/i;

export type Language = 'settings' | 'code' | 'prose';

/** Kinds of the secrets that are assigned in a line. */
export function assignmentsIn(line: string, language: Language): string[] {
  if (!hint.test(line)) return [];
  // `//nas/share` is no comment.
  const talk = language === 'prose' || /^\s*(?:#|\/\/(?![\w.-]+\/\S)|;|--\s|\*|rem\s|<!--)/i.test(line);
  const counts = (value: string) => isSecret(value) && (!talk || looksMade(value));
  const found: string[] = [];
  for (const [, name, raw] of line.matchAll(assignment)) {
    const isQuoted = /^["']/.test(raw!);
    if (!isQuoted && language === 'code') continue;
    const value = unquoted(raw!);
    if (namesSecret(name!) && counts(value)) found.push(kindOf(name!));
    if (name === 'auth' && holdsLogin(value)) found.push('a password');
    if (/^client-key-data$/i.test(name!) && value.length > 40) found.push('a private key');
  }
  const pairsOfText = [...line.matchAll(element), ...line.matchAll(attribute), ...line.matchAll(defined)];
  for (const [, name, value] of pairsOfText) if (namesSecret(name!) && counts(value!.trim())) found.push(kindOf(name!));
  const others = [spaced.exec(line)?.[2], ...passwordsIn(line)];
  for (const value of others) if (value !== undefined && counts(unquoted(value))) found.push('a password');
  return [...new Set(found)];
}

function kindOf(name: string): string {
  if (/token/i.test(name)) return 'a token';
  return /key|secret/i.test(name) ? 'a key' : 'a password';
}

function isSecret(value: string): boolean {
  return value.length >= 4 && !isReference(value);
}

function unquoted(raw: string): string {
  const quote = raw[0];
  if (quote !== '"' && quote !== "'") return raw;
  return raw.endsWith(quote) && raw.length > 1 ? raw.slice(1, -1) : raw.slice(1);
}

/** `dXNlcjpwYXNz`: a user and a password, as Docker keeps them. */
function holdsLogin(value: string): boolean {
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(value)) return false;
  return /^[\x21-\x7e]+:[\x20-\x7e]+$/.test(Buffer.from(value, 'base64').toString('latin1'));
}
