import { findTransform } from '../../registry.ts';
import type { ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

/** A check that opens the backup, where a transform of it names no key that opens. */
export const cannotOpen: Rule = {
  id: 'cannot-open',
  severity: 'error',
  waivable: false,
  check: (context) =>
    findings(context, 'no', (type) => ({
      message: `this opens the backup, and its ${type} transform names no private key`,
      expected: `identities in the ${type} transform, or a check that opens nothing: checksum`,
    })),
};

/** The same where the user's keyring may hold the key: nobody else's does. */
export const needsKeyring: Rule = {
  id: 'needs-keyring',
  severity: 'advice',
  waivable: true,
  check: (context) =>
    findings(context, 'keyring', (type) => ({
      message: `this opens the backup, and its ${type} transform names no private key: only the user's keyring can`,
      expected: `identity in the ${type} transform, where the keyring does not hold the key`,
    })),
};

function findings(
  context: RuleContext,
  wanted: 'keyring' | 'no',
  words: (type: string) => Pick<Finding, 'message' | 'expected'>,
): Finding[] {
  return context.resolved.backups.flatMap((backup: ResolvedBackup): Finding[] => {
    const closed = backup.transforms.find(({ type, spec }) => findTransform(type).opens?.(spec) === wanted);
    const first = backup.verify.findIndex(({ level }) => level !== 'checksum');
    if (!closed || first === -1) return [];
    return [{ ...words(closed.type), pointer: context.at(backup, 'verify', first), backups: [backup.name] }];
  });
}
