/** The named rules, in the order in which they are checked. Each has a page beside it, `<id>.md`. */
import { cannotAnswer } from './cannot-answer.ts';
import { cannotOpen, needsKeyring } from './cannot-open.ts';
import { contradiction } from './contradiction.ts';
import { defeatsDeduplication } from './defeats-deduplication.ts';
import { duplicateKey } from './duplicate-key.ts';
import { fewerCopies } from './fewer-copies.ts';
import { fewerMedia } from './fewer-media.ts';
import { fewerOffSite } from './fewer-off-site.ts';
import { groupMembers } from './group-members.ts';
import { layoutCollision } from './layout-collision.ts';
import { lockOutlivesRetention } from './lock-outlives-retention.ts';
import { lockWithoutDate } from './lock-without-date.ts';
import { noEffect } from './no-effect.ts';
import { noRestoreTest } from './no-restore-test.ts';
import { noScratch } from './no-scratch.ts';
import { pathElsewhere } from './path-elsewhere.ts';
import { plainSecret } from './plain-secret.ts';
import { plainTree } from './plain-tree.ts';
import { requireTooHigh } from './require-too-high.ts';
import { retentionKeepsNothing } from './retention-keeps-nothing.ts';
import { rpoUnreachable } from './rpo-unreachable.ts';
import type { Rule } from './rule.ts';
import { scheduleNever } from './schedule-never.ts';
import { unencryptedCopy } from './unencrypted-copy.ts';
import { unknownOption } from './unknown-option.ts';
import { unknownTimezone } from './unknown-timezone.ts';
import { unusedName } from './unused-name.ts';

export const rules: readonly Rule[] = [
  unknownTimezone,
  unusedName,
  duplicateKey,
  requireTooHigh,
  plainTree,
  layoutCollision,
  groupMembers,
  cannotAnswer,
  noScratch,
  unknownOption,
  noEffect,
  scheduleNever,
  contradiction,
  cannotOpen,
  needsKeyring,
  pathElsewhere,
  plainSecret,
  rpoUnreachable,
  retentionKeepsNothing,
  lockOutlivesRetention,
  lockWithoutDate,
  fewerCopies,
  fewerMedia,
  fewerOffSite,
  unencryptedCopy,
  defeatsDeduplication,
  noRestoreTest,
];
