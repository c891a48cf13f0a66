/** A remote whose options stand in the plan. */
import type { Opening } from '../../destination.ts';
import { obscured, passwordOptions } from './obscure.ts';

/** As a section of rclone.conf has them. */
export type Options = { type: string } & Record<string, string | number | boolean | { secret: string }>;

/** Names of the secrets among them. */
export function secretsOf(options: Options): string[] {
  return Object.values(options).flatMap((value) => (typeof value === 'object' ? [value.secret] : []));
}

/** Their values as texts. A secret that is a password is given to rclone in the form that it wants. */
export async function valuesOf(
  options: Options,
  readSecret: Opening['readSecret'],
  environment: Record<string, string>,
): Promise<Record<string, string>> {
  const hasSecrets = secretsOf(options).length > 0;
  const passwords = hasSecrets ? await passwordOptions(options.type, environment) : new Set<string>();
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(options)) {
    const text = typeof value === 'object' ? await readSecret(value.secret) : String(value);
    const isPassword = typeof value === 'object' && passwords.has(key.replaceAll('-', '_'));
    values[key] = isPassword && text !== '' ? await obscured(text, environment) : text;
  }
  return values;
}

/** Those that are no secrets, as a remote that needs no configuration: `:sftp,host=nas`. */
export function connectionOf({ type, ...options }: Options): string {
  const shown = Object.entries(options).filter(([, value]) => typeof value !== 'object');
  return [
    `:${type}`,
    ...shown.map(([key, value]) => `${key.replaceAll('-', '_')}=${inConnection(String(value))}`),
  ].join(',');
}

const inConnection = (text: string) => (/^[A-Za-z0-9_./@-]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`);

/** Those that are secrets, as variables for a person to fill in; passwords want `rclone obscure` first. */
export function variablesOf({ type, ...options }: Options): string[] {
  const variable = (key: string) => `RCLONE_${type}_${key}`.replaceAll(/[ -]/g, '_').toUpperCase();
  return Object.entries(options).flatMap(([key, value]) =>
    typeof value === 'object' ? [`${variable(key)}=${value.secret.toUpperCase()}`] : [],
  );
}
