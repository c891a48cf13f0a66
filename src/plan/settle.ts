/** Units settled: durations and sizes as written in a plan become numbers, its parts what the rest of the program reads. */

import type { SshHost } from '../command.ts';
import type { Expectation } from '../graph.ts';
import type { Duration, RetentionPolicy, Tier, TierRule } from '../retention/policy.ts';
import { parseDuration, parseFraction, parseSize, seconds } from '../units.ts';
import type * as Written from './generated/types.ts';
import type {
  EnvironmentValue,
  Hooks,
  Objectives,
  PlannedAssertion,
  PlannedBounds,
  PlannedPlace,
  PlannedRestore,
  PlannedStep,
  PlannedStop,
  PlannedVerification,
  ResolvedDestination,
  ResolvedGroup,
  SecretReference,
} from './resolved.ts';

// The schemas have let only what these functions read through.
const duration = (text: string): Duration => parseDuration(text)!;
const length = (text: string): number => seconds(duration(text));
const size = (text: string): number => parseSize(text)!;
const fraction = (text: string): number => parseFraction(text)!;

/** The object without its undefined entries: `exactOptionalPropertyTypes` tells them apart. */
function present<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as never;
}

const given = <Input, Output>(value: Input | undefined, convert: (value: Input) => Output): Output | undefined =>
  value === undefined ? undefined : convert(value);

export function settleSecret({ optional = false, ...reference }: Written.SecretReference): SecretReference {
  return { optional, ...reference } as SecretReference;
}

export function settleObjectives(written: Written.Objectives | undefined): Objectives {
  const { rpo, rto, copies, media, 'off-site': offSite } = written ?? {};
  return present({ rpo: given(rpo, duration), rto: given(rto, duration), copies, media, offSite }) as Objectives;
}

/** From four fifths on a run warns, where the plan says nothing else. */
const usualWarning = 0.8;

export function settleQuota(written: Written.Quota): NonNullable<ResolvedDestination['quota']> {
  const fail = given(written.fail, size);
  const of = (part: number) => (fail === undefined ? undefined : Math.round(fail * part));
  const { warn } = written;
  const from = warn === undefined ? of(usualWarning) : warn.endsWith('%') ? of(fraction(warn)) : size(warn);
  return present({ warn: from, fail }) as NonNullable<ResolvedDestination['quota']>;
}

const tiers: Tier[] = ['hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly'];

export function settlePolicy(written: Written.RetentionPolicy): RetentionPolicy {
  const rules = tiers.flatMap((tier) => {
    const rule = written[tier];
    if (rule === undefined) return [];
    const settled: TierRule = typeof rule === 'number' ? { count: rule } : { reach: duration(rule) };
    return [[tier, settled]];
  });
  return {
    ...(present({ last: written.last, within: given(written.within, duration) }) as Partial<RetentionPolicy>),
    tiers: Object.fromEntries(rules),
    tags: written.tags ?? [],
    floor: written.floor ?? 1,
    weekStarts: written['week-starts'] ?? 'monday',
  };
}

export function settleExpectation(written: Written.Expect | undefined): Expectation {
  if (!written) return {};
  const range = (bounds: Written.FractionRange) =>
    present({ atLeast: given(bounds['at-least'], fraction), atMost: given(bounds['at-most'], fraction) });
  return present({
    maxAge: given(written['max-age'], length),
    minSize: given(written['min-size'], size),
    maxSize: given(written['max-size'], size),
    size: given(written.size, range),
    duration: given(written.duration, range),
    maxDuration: given(written['max-duration'], length),
  }) as Expectation;
}

export function settleStep(written: Written.Step): PlannedStep {
  const timeout = given(written.timeout, length);
  if ('run' in written) {
    const environment = written.environment as Record<string, EnvironmentValue> | undefined;
    const place = given(written['run-in'], settlePlace);
    return present({ run: [...written.run], environment, place, timeout }) as PlannedStep;
  }
  if ('http' in written)
    return present({ http: written.http, within: given(written.within, length), timeout }) as PlannedStep;
  if ('sql' in written) return present({ sql: written.sql, timeout }) as PlannedStep;
  return present({ manual: written.manual, timeout }) as PlannedStep;
}

export function settleHooks(written: Written.Hooks | undefined): Hooks {
  const steps = (list: Written.Step[] | undefined) => (list ?? []).map(settleStep);
  return {
    before: steps(written?.before),
    after: steps(written?.after),
    onFailure: steps(written?.['on-failure']),
    finally: steps(written?.finally),
  };
}

export function settleQuiesce({
  before,
  after,
  'max-hold': maxHold = '5m',
}: Written.Quiesce): NonNullable<ResolvedGroup['quiesce']> {
  return { before: before.map(settleStep), after: after.map(settleStep), maxHold: length(maxHold) };
}

function settleStop({ timeout, ...written }: Written.Stop): PlannedStop {
  return present({ ...written, timeout: given(timeout, length) }) as PlannedStop;
}

function settleAssertion(written: Written.Assertion): PlannedAssertion {
  if ('file' in written) {
    const { file, exists = true, sha256 } = written;
    const bounds = given(written.size, (range) =>
      present({
        equals: given(range.equals, size),
        atLeast: given(range['at-least'], size),
        atMost: given(range['at-most'], size),
      }),
    );
    return present({ file, exists, sha256: sha256?.toLowerCase(), size: bounds }) as PlannedAssertion;
  }
  if ('contents' in written)
    return present({ contents: written.contents, tolerance: given(written.tolerance, fraction) }) as PlannedAssertion;
  const { 'at-least': atLeast, 'at-most': atMost, equals, ...rest } = written;
  const tolerance = 'tolerance' in rest ? given(rest.tolerance, fraction) : undefined;
  const bounds: PlannedBounds = present({ equals, atLeast, atMost, tolerance }) as PlannedBounds;
  return { ...rest, ...bounds } as PlannedAssertion;
}

export function settleVerification(written: Written.Verification): PlannedVerification {
  if (written === 'content') return { level: 'content', assert: [] };
  if ('content' in written) return { level: 'content', every: length(written.content.every), assert: [] };
  if ('checksum' in written) {
    const { every, at } = written.checksum;
    return present({ level: 'checksum', every: given(every, length), at, assert: [] }) as PlannedVerification;
  }
  const { every, assert = [], into } = written.restore;
  return present({
    level: 'restore',
    every: given(every, length),
    into: typeof into === 'object' && 'url' in into ? { url: into.url.secret } : into,
    assert: assert.map(settleAssertion),
  }) as PlannedVerification;
}

export function settlePlace(written: Written.RunIn): PlannedPlace {
  if (!('ssh' in written)) return written as PlannedPlace;
  const { ssh } = written;
  if (typeof ssh !== 'string') {
    const { 'known-hosts': knownHosts, ...rest } = ssh;
    return { ssh: present({ ...rest, knownHosts }) as SshHost };
  }
  const at = ssh.lastIndexOf('@');
  return { ssh: at < 0 ? { host: ssh } : { user: ssh.slice(0, at), host: ssh.slice(at + 1) } };
}

/** `destinations` are those of the backup: the safety copy goes there when nothing else is said. */
export function settleRestore(written: Written.Restore | undefined, destinations: string[]): PlannedRestore {
  const {
    to,
    overwrite = false,
    confirm,
    before = [],
    assert = [],
    stop = [],
    after = [],
    safety,
    options = {},
    as = {},
  } = written ?? {};
  return {
    ...(to !== undefined && { to }),
    overwrite,
    ...(confirm !== undefined && { confirm }),
    before: before.map(settleStep),
    assert: assert.map(settleAssertion),
    stop: stop.map(settleStop),
    after: after.map(settleStep),
    safety: { destinations: safety?.destinations ?? destinations, within: duration(safety?.within ?? '7d') },
    options: { ...options },
    as: { ...as },
  };
}

/** Seconds. */
export const settleTimeout = length;
/** Bytes. */
export const settleSize = size;
