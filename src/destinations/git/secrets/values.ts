/** Whether a value is a secret, or only says where one is. */

const nothing = new Set(
  (
    'null nil none undefined true false yes no on off string str text bool boolean int integer number any object array required ' +
    'optional password passwd passphrase pass secret token key apikey api-key credentials value default changeme change-me ' +
    'change_me replaceme replace-me todo tbd tba fixme dummy placeholder redacted hidden masked removed empty unset prompt ask n/a ' +
    'na env environment vault keyring keychain files compat db nis ldap sss systemd winbind foobared username user input basic ' +
    'bearer digest plain plaintext md5 sha256 sha512 scram-sha-256 trust peer ident disabled enabled insta pass:insta xxx admin'
  ).split(' '),
);

/** References to where the secret is, place-holders, and words that are none. */
const references = [
  /^\$/,
  /^%[({A-Za-z]/,
  /^(?:\{\{|\$\{|<|\[\[|@@|__|#\{)/,
  /^!(?:vault|secret|env_var|ref|sub|getatt)\b/i,
  /^(?:ENC|DEC|CRYPT)\[/,
  /^(?:vault|secret|secretref|env|file|ref|op|sops|ssm|keyring|keepass|kms|awssm|gcpsm|doppler|bitwarden|arn|valueFrom)[:+]/i,
  /^(?:\/|\.{1,2}\/|~\/)[\w./@+-]+$/,
  /^(?:[A-Z]:)?\\\\?[\w\\. -]+$/i,
  /^(.)\1*$/,
  /^[*.•x_?-]+$/i,
  /^(?:your|my|the|some|an?|enter|insert|put|set|use|example|sample|replace|change)[-_ ]/i,
  /(?:^|[-_.])(?:here|goes-here|placeholder|example)$/i,
  /^(?:os\.environ|process\.env|getenv|ENV\[|env\(|lookup\()/,
  /^[\w.]+\(/,
];

export function isReference(text: string): boolean {
  return nothing.has(text.toLowerCase()) || references.some((pattern) => pattern.test(text));
}

/** Where a value stands in talk, only what no word looks like counts: eight characters of several sorts. */
export function looksMade(text: string): boolean {
  if (text.length < 8 || /^(?:https?:|[\d.]+$|[a-f0-9]{8}-[a-f0-9]{4}-)/i.test(text)) return false;
  const sorts = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((sort) => sort.test(text)).length;
  return sorts >= 3 && /\d/.test(text);
}
