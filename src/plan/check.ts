/** Runs the named rules and settles what a backup's `allow` waives. */
import type { Diagnostic } from '../diagnostic.ts';
import { findDestination, findTransform } from '../registry.ts';
import { type Gap, longestGap, parseCron } from './cron.ts';
import type { MergedBackup } from './defaults.ts';
import type { Loaded } from './load.ts';
import { nearest } from './nearest.ts';
import { sortDiagnostics } from './print.ts';
import type { ResolvedBackup } from './resolved.ts';
import { rules } from './rules/index.ts';
import type { Finding, Rule, RuleContext } from './rules/rule.ts';
import { isZone } from './rules/unknown-timezone.ts';
import { either, quoted } from './wording.ts';

type Given = Pick<RuleContext, 'plan' | 'effective' | 'resolved' | 'unused'> & { written: readonly MergedBackup[] };

/** What the rules say of a resolved plan, sorted by place. */
export function checkRules({ written, ...given }: Given, loaded: Loaded): Diagnostic[] {
  const context = contextOf(given, written);
  const findings = rules.flatMap((rule) => rule.check(context).map((finding) => ({ rule, finding })));
  const { backups } = given.resolved;
  const open = findings.filter(({ rule, finding }) => !isWaived(rule, finding, backups));
  return sortDiagnostics([
    ...open.map(({ rule, finding }) => toDiagnostic(rule, finding, loaded)),
    ...backups.flatMap((backup) => waiverMistakes(backup, findings, context, loaded)),
  ]);
}

function contextOf(given: Omit<Given, 'written'>, written: readonly MergedBackup[]): RuleContext {
  const { resolved } = given;
  const places = new Map(written.map(({ name, at }) => [name, at]));
  const gaps = new Map<string, Gap | null>();
  const timezone = isZone(resolved.timezone) ? resolved.timezone : 'UTC';
  return {
    ...given,
    at: (backup, ...keys) => places.get(backup.name)!(...keys),
    gap: ({ schedule }) => {
      if (schedule === undefined) return null;
      if (!gaps.has(schedule)) {
        const cron = parseCron(schedule);
        gaps.set(schedule, cron && longestGap(cron, timezone));
      }
      return gaps.get(schedule)!;
    },
    encrypts: (type) => findTransform(type).encrypts,
    compresses: (type) => findTransform(type).compresses,
    seals: (name) => {
      const { type, spec } = resolved.destinations[name]!;
      return findDestination(type).encrypts?.(spec) ?? false;
    },
    deduplicates: (name) => findDestination(resolved.destinations[name]!.type).deduplicates ?? false,
    describe: (name) => {
      const { type, spec } = resolved.destinations[name]!;
      return findDestination(type).describe(spec);
    },
  };
}

function isWaived(rule: Rule, { backups }: Finding, all: readonly ResolvedBackup[]): boolean {
  if (!rule.waivable || backups.length === 0) return false;
  return backups.every((name) => Object.hasOwn(all.find((backup) => backup.name === name)!.allow, rule.id));
}

function toDiagnostic(rule: Rule, finding: Finding, loaded: Loaded): Diagnostic {
  const { pointer, key, backups: _, severity = rule.severity, hideLine, ...problem } = finding;
  const place = loaded.place(pointer, key === true);
  return { rule: rule.id, severity, ...problem, place: hideLine ? { ...place, text: '' } : place };
}

/** A waiver must name a rule that can be waived and that has found something. */
function waiverMistakes(
  backup: ResolvedBackup,
  findings: readonly { rule: Rule; finding: Finding }[],
  context: RuleContext,
  loaded: Loaded,
): Diagnostic[] {
  const known = rules.filter(({ waivable }) => waivable).map(({ id }) => id);
  return Object.keys(backup.allow).flatMap((id): Diagnostic[] => {
    const common = {
      rule: 'allow',
      severity: 'error' as const,
      place: loaded.place(context.at(backup, 'allow', id), true),
    };
    const rule = rules.find((candidate) => candidate.id === id);
    if (!rule) {
      const suggestion = nearest(id, known);
      const hint = { expected: either(known), ...(suggestion && { suggestion }) };
      return [{ ...common, message: `there is no rule ${quoted(id)}`, ...hint }];
    }
    if (!rule.waivable) return [{ ...common, message: `rule ${quoted(id)} cannot be waived`, expected: either(known) }];
    if (findings.some(({ rule: { id: found }, finding }) => found === id && finding.backups.includes(backup.name)))
      return [];
    return [{ ...common, message: `backup ${quoted(backup.name)} needs no waiver of ${quoted(id)}` }];
  });
}
