import { type Lookup, render } from '../bind.ts';
import type { Encoding, SecretValue, UrlPart, Value } from '../command.ts';
import type { ReadSecret } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';

/** The text of a value, secrets included: for the environment, the files and the descriptors of one program alone. */
export async function bindValue(value: Value, lookup: Lookup, readSecret: ReadSecret): Promise<string> {
  if (typeof value === 'object' && 'text' in value)
    return (await Promise.all(value.text.map((part) => bindValue(part, lookup, readSecret)))).join('');
  if (typeof value === 'object' && 'secret' in value) return secretText(value, await readSecret(value.secret));
  return render(value, lookup);
}

function secretText({ secret, part, encode, before = '', after = '' }: SecretValue, whole: string): string {
  const text = part === undefined ? whole : partOf(whole, part, secret);
  return text === '' ? '' : before + encoded(text, encode, secret) + after;
}

function partOf(whole: string, part: UrlPart, secret: string): string {
  if (whole === '') return '';
  let url: URL;
  try {
    url = new URL(whole);
  } catch {
    throw new RunnerError(`The secret "${secret}" is no URL such as scheme://user:password@host:port/database.`);
  }
  if (typeof part === 'object') return url.searchParams.get(part.query) ?? '';
  const { username, password, hostname, port, pathname } = url;
  switch (part) {
    case 'scheme':
      return url.protocol.replace(/:$/, '');
    case 'user':
      return decoded(username, secret);
    case 'password':
      return decoded(password, secret);
    case 'host':
      return decoded(hostname.replace(/^\[(.*)\]$/, '$1'), secret);
    case 'port':
      return port;
    case 'path':
      return decoded(pathname.replace(/^\//, ''), secret);
  }
}

function decoded(text: string, secret: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RunnerError(`The secret "${secret}" is no whole URL: it holds a % that begins no escape; write %25.`);
  }
}

/**
 * `pgpass`: libpq's password file, where `\` and `:` are escaped. `option-file`: MySQL's, in double quotes. Neither can hold
 * a line break.
 */
function encoded(text: string, encode: Encoding | undefined, secret: string): string {
  if (encode === undefined) return text;
  if (encode === 'json') return JSON.stringify(text);
  if (encode === 'uri') return encodeURIComponent(text);
  if (/[\n\r\0]/.test(text))
    throw new RunnerError(`The secret "${secret}" holds a line break, which its program cannot take.`);
  if (encode === 'pgpass') return text.replaceAll(/[\\:]/g, String.raw`\$&`);
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', String.raw`\"`)}"`;
}
