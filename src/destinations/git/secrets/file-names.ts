/** What the name of a file says of what is in it. */
import type { Language } from './assignments.ts';

/** Stores of keys and passwords that show nothing in their text. */
const stores: readonly { kind: string; pattern: RegExp }[] = [
  { kind: 'a store of keys', pattern: /(?<!trust[\w-]*)\.(?:p12|pfx|pkcs12|jks|keystore|bks|kdbx?|ppk|keytab)$/i },
  { kind: 'the password file of a system', pattern: /(?:^|\/)(?:g?shadow-?|master\.passwd|opasswd)$/ },
  { kind: 'a secret key of GnuPG', pattern: /(?:^|\/)(?:secring\.gpg|private-keys-v1\.d\/[^/]+\.key)$/ },
  { kind: 'a cookie of Erlang', pattern: /(?:^|\/)\.erlang\.cookie$/ },
  { kind: 'the passwords of a browser', pattern: /(?:^|\/)(?:key[34]\.db|logins\.json|Login Data)$/ },
  { kind: 'an onion service key', pattern: /(?:^|\/)hs_ed25519_secret_key$/ },
  { kind: 'the wallet of a database', pattern: /(?:^|\/)(?:cwallet\.sso|ewallet\.p12)$/ },
];

export function storesIn(path: string): string[] {
  return stores.filter(({ pattern }) => pattern.test(path)).map(({ kind }) => kind);
}

const code =
  /\.(?:[cm]?[jt]sx?|py|rb|go|java|kt|scala|php|pl|pm|lua|rs|c|h|cc|cpp|hpp|cs|swift|dart|el|vim|ex|exs|erl|clj|groovy|gradle|sql)$/i;
const prose =
  /(?:\.(?:md|markdown|txt|rst|adoc|asciidoc|html?|tex|log|po|pot|man|[1-8])|(?:^|\/)(?:README|CHANGELOG|NEWS|LICENSE|COPYING)[^/]*)$/i;

export function languageOf(path: string): Language {
  if (/\.env(?:\.|$)/i.test(path)) return 'settings';
  return code.test(path) ? 'code' : prose.test(path) ? 'prose' : 'settings';
}

/** Lines of files whose place on the line says what is a password: .pgpass, .htpasswd, .netrc and their like. */
export function placesIn(path: string, line: string): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (line.trimStart().startsWith('#') || line.trim() === '') return [];
  if (/pgpass(?:\.conf)?$/.test(name) && /^(?:(?:\\.|[^\\:])*:){4}./.test(line)) return ['a password'];
  if (/htpasswd/.test(name) && /^[^:\s]+:\S{8,}$/.test(line)) return ['a password hash'];
  if (/^[._]?netrc$/.test(name) && /^\s*password\s+\S+/.test(line)) return ['a password'];
  if (/chap-secrets|pap-secrets$/.test(name) && /^\s*\S+\s+\S+\s+\S+/.test(line)) return ['a password'];
  if (/^(?:sasl_passwd|passwd\.client)$/.test(name) && /^\S+[\s:]\s*[^\s:]+:\S+$/.test(line.trim()))
    return ['a password'];
  if (/^ipsec\.(?:.+\.)?secrets$/.test(name) && /:\s*(?:PSK|XAUTH|EAP)\s+\S/i.test(line)) return ['a password'];
  return [];
}
