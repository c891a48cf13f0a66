/** What the credentials may do, in words: which verb is missing, and which one is too many. */
import type { Found } from '../../destination.ts';
import { type May, nameOfRight, type Rights } from './rights.ts';

export type Stance = {
  appendOnly: boolean;
  locks: boolean;
  versioned: boolean;
  /** Whether old versions are read. */
  deep: boolean;
  /** Whether the plan ever deletes there. */
  prunes: boolean;
};

/** One line for each verb. */
export function judgeRights(rights: Rights, stance: Stance): Found[] {
  return [
    needed('may write', rights.write, nameOfRight.write, 'no backup can be made'),
    ...overwriting(rights.condition),
    needed('may read', rights.read, nameOfRight.read, 'nothing can be verified or restored'),
    needed('may list', rights.list, nameOfRight.list, 'nobody knows what is there'),
    ...(stance.deep
      ? [
          needed(
            'may list versions',
            rights.listVersions,
            nameOfRight.listVersions,
            'true versions cannot be told from later ones',
          ),
        ]
      : []),
    ...uploads(rights),
    deleting(rights, stance),
    ...versions(rights, stance),
  ];
}

function needed(check: string, may: May, right: string, otherwise: string): Found {
  if (may === null) return { check, health: 'warning', message: `could not be found out (${right})` };
  if (may) return { check, health: 'ok', message: `yes (${right})` };
  return { check, health: 'problem', message: `no: allow ${right}, or ${otherwise}` };
}

function overwriting(condition: Rights['condition']): Found[] {
  const check = 'overwriting';
  if (condition === null) return [];
  if (condition === 'kept') return [{ check, health: 'ok', message: 'refused by the store (If-None-Match)' }];
  const how = condition === 'ignored' ? 'ignores' : 'does not know';
  const message = `the store ${how} If-None-Match: names are unique, and leases are taken by listing twice`;
  return [{ check, health: 'ok', message }];
}

function uploads({ upload, abandon }: Rights): Found[] {
  if (!upload || abandon)
    return upload ? [{ check: 'may abandon uploads', health: 'ok', message: `yes (${nameOfRight.abandon})` }] : [];
  const message = `no: allow ${nameOfRight.abandon}, or uploads that broke stay unseen and cost money`;
  return [{ check: 'may abandon uploads', health: 'problem', message }];
}

function deleting(
  { delete: may, deleteVersions }: Rights,
  { appendOnly, locks, versioned, deep, prunes }: Stance,
): Found {
  const check = 'may delete';
  const right = nameOfRight.delete;
  if (appendOnly) {
    if (!may) return { check, health: 'ok', message: 'no, as `append-only` says' };
    if (deep && !deleteVersions)
      return { check, health: 'ok', message: 'delete markers alone, which hide no backup here' };
    return { check, health: 'problem', message: `yes, although the plan says \`append-only\`: take ${right} away` };
  }
  if (!may) {
    const stays = prunes ? 'what the retention lets go stays' : 'journals and leases stay';
    return { check, health: 'problem', message: `no: allow ${right}, or ${stays}; or say \`append-only: true\`` };
  }
  if (locks) return { check, health: 'ok', message: `yes (${right}), and what is locked stays` };
  if (versioned && deleteVersions === false)
    return { check, health: 'ok', message: `yes (${right}), and what is deleted can be brought back` };
  const remedy = '`append-only: true` with `prune-as`, or `object-lock`, would prevent it';
  return {
    check,
    health: 'warning',
    message: `yes (${right}), and write: who steals these keys can delete every backup; ${remedy}`,
  };
}

function versions({ deleteVersions: may }: Rights, { appendOnly, locks, versioned, prunes }: Stance): Found[] {
  const check = 'may delete versions';
  const right = nameOfRight.deleteVersions;
  if (!versioned || may === null) return [];
  if (appendOnly && may)
    return [{ check, health: 'problem', message: `yes, although the plan says \`append-only\`: take ${right} away` }];
  if (!appendOnly && locks && !may && prunes)
    return [
      {
        check,
        health: 'problem',
        message: `no: allow ${right}, or what the retention lets go stays when its lock has ended`,
      },
    ];
  return [{ check, health: 'ok', message: may ? `yes (${right})` : 'no' }];
}
