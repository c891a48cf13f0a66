import type { ReadSecret } from '../kind.ts';
import type { SecretReference } from '../plan/resolved.ts';

export type SecretHost = {
  /** Working directory of `command` secrets: the plan's. */
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** Told once a secret, e.g. that others may read its file. */
  warn?(message: string): void;
};

/** `read` gives '' for an optional secret that is not there; `redact` hides every value read so far. */
export type SecretReader = { read: ReadSecret; redact(text: string): string };

export function secretReader(_references: Record<string, SecretReference>, _host: SecretHost): SecretReader {
  throw new Error('not built yet');
}
