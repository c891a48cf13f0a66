/** What keys and tokens look like by themselves, whatever they are called. */

type Token = { kind: string; pattern: RegExp };

const tokens: readonly Token[] = [
  { kind: 'an age key', pattern: /\bAGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50,}/i },
  { kind: 'a PuTTY key', pattern: /^PuTTY-User-Key-File-\d:/ },
  { kind: 'an AWS access key', pattern: /\b(?:AKIA|ASIA)(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}\b/ },
  { kind: 'a Google API key', pattern: /\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])/ },
  { kind: 'a Google client secret', pattern: /\bGOCSPX-[0-9A-Za-z_-]{28}/ },
  { kind: 'an Azure storage key', pattern: /\bAccountKey=[A-Za-z0-9+/]{86}==/i },
  { kind: 'an Azure signature', pattern: /[?&;](?:amp;)?sig=[A-Za-z0-9%+/]{40,}/ },
  { kind: 'an Azure client secret', pattern: /(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])/ },
  { kind: 'a GitHub token', pattern: /\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{60}/ },
  { kind: 'a GitLab token', pattern: /\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas)-[A-Za-z0-9_-]{20}/ },
  { kind: 'a Slack token', pattern: /\bxox[abposre]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{20,}/ },
  { kind: 'a Slack web hook', pattern: /hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/+_-]{20,}/ },
  { kind: 'a Discord web hook', pattern: /discord(?:app)?\.com\/api\/webhooks\/\d+\/[A-Za-z0-9_-]{50,}/ },
  { kind: 'a Stripe key', pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/]{24,}/ },
  { kind: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}/ },
  { kind: 'a PyPI token', pattern: /\bpypi-AgE[A-Za-z0-9_-]{50,}/ },
  { kind: 'a Docker token', pattern: /\bdckr_[ps]at_[A-Za-z0-9_-]{27}/ },
  { kind: 'a SendGrid key', pattern: /\bSG\.[\w-]{22}\.[\w-]{43}/ },
  { kind: 'an API key of a language model', pattern: /\bsk-(?:proj-|ant-[a-z0-9]+-|svcacct-)?[A-Za-z0-9_-]{32,}/ },
  { kind: 'a Hugging Face token', pattern: /\bhf_[A-Za-z0-9]{34}/ },
  { kind: 'a DigitalOcean token', pattern: /\bdo[opr]_v1_[a-f0-9]{64}/ },
  { kind: 'a Shopify token', pattern: /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/ },
  { kind: 'a key', pattern: /\bAPP_KEY\s*[=:]\s*["']?base64:[A-Za-z0-9+/]{40,}/ },
  { kind: 'a key of one-time passwords', pattern: /\botpauth:\/\/\S*[?&]secret=[A-Z2-7]{16,}/i },
  { kind: 'a Vault token', pattern: /\bhv[sbr]\.[A-Za-z0-9_-]{24,}/ },
  { kind: 'a Telegram token', pattern: /\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b/ },
  { kind: 'a JSON Web Token', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}/ },
  { kind: 'a password hash', pattern: /\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}/ },
  { kind: 'a password hash', pattern: /\$(?:1|apr1)\$[^$\s:]{1,16}\$[./A-Za-z0-9]{22}/ },
  { kind: 'a password hash', pattern: /\$[56]\$(?:rounds=\d+\$)?[^$\s:]{1,32}\$[./A-Za-z0-9]{43,86}/ },
  { kind: 'a password hash', pattern: /\$(?:y|gy|7)\$[^$\s:]+\$[^$\s:]*\$[./A-Za-z0-9]{43}/ },
  { kind: 'a password hash', pattern: /\$argon2(?:id|i|d)\$v=\d+\$[^$\s]+\$[^$\s]+\$[A-Za-z0-9+/]{20,}/ },
  { kind: 'a password hash', pattern: /\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/]{24,}={0,2}/ },
  { kind: 'a password hash', pattern: /SCRAM-SHA-(?:1|256)\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:/ },
  { kind: 'a password hash', pattern: /["'\s]md5[0-9a-f]{32}["'\s]/ },
];

/** In `ftp://user:password@host`; the password is the first group. */
const url = /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"'<>]*:([^\s/@"'<>]+)@[^\s/@"'<>]/gi;

const header = /authorization["']?\s*[:=,]\s*["']?(?:basic|bearer|token)\s+([A-Za-z0-9._~+/=-]{16,})/i;

/** Kinds that a line holds by what it looks like. `isReference` tells a password from a place-holder. */
export function tokensIn(line: string, isReference: (text: string) => boolean): string[] {
  const found = tokens.filter(({ pattern }) => pattern.test(line)).map(({ kind }) => kind);
  for (const [, password] of line.matchAll(url)) if (!isReference(password!)) found.push('a password in a URL');
  const sent = header.exec(line)?.[1];
  if (sent !== undefined && !isReference(sent)) found.push('an authorization header');
  return [...new Set(found)];
}

const begin = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----/;
const body = /(?:^|[^A-Za-z0-9+/=])[A-Za-z0-9+/]{40,}={0,2}(?:$|[^A-Za-z0-9+/=])/;

/**
 * Private keys in armour: the first line alone is only talk about one, so what follows must look like a key. Tells the line in
 * which it begins.
 */
export class ArmouredKeys {
  private begun: { line: number; left: number } | null = null;

  take(text: string, line: number): number | null {
    const match = begin.exec(text);
    if (match) this.begun = { line, left: 8 };
    if (!this.begun) return null;
    const rest = match ? text.slice(match.index + match[0].length).replaceAll('\\n', ' ') : text;
    if (body.test(rest)) {
      const at = this.begun.line;
      this.begun = null;
      return at;
    }
    this.begun.left -= 1;
    if (this.begun.left === 0) this.begun = null;
    return null;
  }
}
