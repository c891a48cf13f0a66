/**
 * The effective plan: what the plan, its bases and its defaults come to, in the plan's own language. Names of
 * retentions and of lists of transforms are replaced by what they stand for, destinations written inside a backup get a
 * name, paths are absolute. It is a valid plan, and reading it again gives the same one.
 */
import { findSource } from '../registry.ts';
import { type MergedBackup, mergedBackups } from './defaults.ts';
import { isPolicy } from './explain.ts';
import { kinds } from './generated/tables.ts';
import type {
  Backup,
  BackupDestination,
  Destination,
  Plan,
  RetentionPolicy,
  Stop,
  Transform,
} from './generated/types.ts';
import type { Loaded } from './load.ts';
import { nearest } from './nearest.ts';
import { absolutePath, withAbsolutePaths } from './paths.ts';
import { childPointer } from './position.ts';
import { either, type Problem, quoted } from './wording.ts';

type Data = Record<string, unknown>;
export type DestinationUse = { name: string; tiers?: string[] };

/** One backup of the effective plan: every name of a retention and of a transform is replaced. */
export type EffectiveBackup = Omit<Backup, 'transforms' | 'destinations' | 'retention' | 'require'> & {
  transforms: Record<string, Data>[];
  destinations: (string | Record<string, { tiers: string[] }>)[];
  retention: Record<string, RetentionPolicy | null>;
  require: number;
};
export type EffectivePlan = Omit<Plan, 'backups' | 'defaults' | 'retention' | 'transforms' | 'extends'> & {
  timezone: string;
  destinations: Record<string, Destination>;
  backups: Record<string, EffectiveBackup>;
};

/** Builds it from a valid plan whose names exist. `written` says where each backup's parts stand. */
export function effectivePlanOf(
  plan: Plan,
  loaded: Loaded,
): { effective: EffectivePlan; written: MergedBackup[]; problems: Problem[] } {
  const { version, name, id, timezone = 'UTC', objectives, hooks } = plan;
  const written = mergedBackups(plan);
  const building: Building = {
    plan,
    loaded,
    destinations: namedDestinations(plan, loaded),
    inline: new Map(),
    problems: [],
  };
  const backups = Object.fromEntries(written.map((backup) => [backup.name, effectiveBackup(backup, building)]));
  const effective: EffectivePlan = {
    version,
    name,
    ...(id !== undefined && { id }),
    timezone,
    ...(objectives && { objectives }),
    ...(plan.secrets && { secrets: secretsOf(plan, loaded) }),
    ...(plan.sources && { sources: sourcesOf(plan, loaded) }),
    destinations: building.destinations,
    ...(plan.signing && {
      signing: { ...plan.signing, public: absolutePath(plan.signing.public, '/signing/public', loaded) },
    }),
    ...(hooks && { hooks }),
    backups,
    ...(plan.groups && { groups: plan.groups }),
    ...(plan.tasks && { tasks: plan.tasks }),
  };
  return { effective, written, problems: building.problems };
}

type Building = {
  plan: Plan;
  loaded: Loaded;
  destinations: Record<string, Destination>;
  /** Destinations that are written inside a backup, by what they say. */
  inline: Map<string, string>;
  problems: Problem[];
};

const absolute = <Spec extends { type: string }>(role: string, spec: Spec, pointer: string, loaded: Loaded): Spec =>
  withAbsolutePaths(spec, `${role}-${spec.type}`, pointer, loaded) as Spec;

function secretsOf(plan: Plan, loaded: Loaded): NonNullable<Plan['secrets']> {
  const entries = Object.entries(plan.secrets ?? {}).map(([name, secret]) => {
    if (!('file' in secret)) return [name, secret];
    return [name, { ...secret, file: absolutePath(secret.file, `${childPointer('/secrets', name)}/file`, loaded) }];
  });
  return Object.fromEntries(entries);
}

function sourcesOf(plan: Plan, loaded: Loaded): NonNullable<Plan['sources']> {
  const entries = Object.entries(plan.sources ?? {});
  return Object.fromEntries(
    entries.map(([name, source]) => [name, absolute('source', source, childPointer('/sources', name), loaded)]),
  );
}

function namedDestinations(plan: Plan, loaded: Loaded): Record<string, Destination> {
  const entries = Object.entries(plan.destinations ?? {});
  return Object.fromEntries(
    entries.map(([name, spec]) => [name, absolute('destination', spec, childPointer('/destinations', name), loaded)]),
  );
}

function effectiveBackup(backup: MergedBackup, building: Building): EffectiveBackup {
  const { value, at } = backup;
  const { loaded, plan } = building;
  const { source, transforms, destinations, retention: _, restore, objectives, ...rest } = value;
  const uses = (destinations ?? []).map((use, index) => destinationUse(use, at('destinations', index), building));
  if (!destinations) {
    building.problems.push({
      pointer: at(),
      key: true,
      message: `backup ${quoted(backup.name)} names no destination`,
      expected: '"destinations" here or in "defaults"',
    });
  }
  building.problems.push(
    ...checkedElsewhere(
      backup,
      uses.map(({ name }) => name),
    ),
  );
  return {
    source: typeof source === 'string' ? source : absolute('source', source, at('source'), loaded),
    transforms: flattened(transforms ?? [], at('transforms'), building),
    destinations: uses.map(({ name, tiers }) => (tiers ? { [name]: { tiers } } : name)),
    retention: retentionOf(
      backup,
      uses.map(({ name }) => name),
      building,
    ),
    ...rest,
    require: rest.require ?? uses.length,
    ...((objectives ?? plan.objectives) && { objectives: { ...plan.objectives, ...objectives } }),
    ...(restore && { restore: restoreOf(restore, backup, building) }),
  };
}

/** Bare names, names of lists and objects as one list of `{ kind: options }`. */
function flattened(list: string | Transform[], pointer: string, building: Building): Record<string, Data>[] {
  const { plan, loaded } = building;
  if (typeof list === 'string') {
    return flattened(plan.transforms?.[list] ?? [], childPointer('/transforms', list), building);
  }
  return list.flatMap((item, index) => {
    const known: readonly string[] = kinds.transform;
    if (typeof item === 'string') return known.includes(item) ? [{ [item]: {} }] : flattened(item, pointer, building);
    const [kind, spec] = Object.entries(item)[0] as [string, Data];
    return [{ [kind]: withAbsolutePaths(spec, `transform-${kind}`, `${pointer}/${index}/${kind}`, loaded) }];
  });
}

function destinationUse(use: BackupDestination, pointer: string, building: Building): DestinationUse {
  if (typeof use === 'string') return { name: use };
  if (!isDestination(use)) {
    const [name, filter] = Object.entries(use)[0]!;
    return { name, tiers: filter.tiers };
  }
  const spec = absolute('destination', use, pointer, building.loaded);
  const identity = JSON.stringify(spec);
  const known = building.inline.get(identity);
  if (known !== undefined) return { name: known };
  let name: string = spec.type;
  for (let number = 2; Object.hasOwn(building.destinations, name); number++) name = `${spec.type}-${number}`;
  building.inline.set(identity, name);
  building.destinations[name] = spec;
  return { name };
}

function isDestination(use: Exclude<BackupDestination, string>): use is Destination {
  return typeof use.type === 'string';
}

function retentionOf(backup: MergedBackup, uses: string[], building: Building): Record<string, RetentionPolicy | null> {
  const { retention } = backup.value;
  const byName = (entry: string | RetentionPolicy | null): RetentionPolicy | null =>
    typeof entry === 'string' ? (building.plan.retention?.[entry] ?? null) : entry;
  if (retention === undefined || retention === null) return Object.fromEntries(uses.map((use) => [use, null]));
  if (typeof retention === 'string' || isPolicy(retention as Data)) {
    const policy = byName(retention as string | RetentionPolicy);
    return Object.fromEntries(uses.map((use) => [use, policy]));
  }
  const map = retention as Record<string, string | RetentionPolicy | null>;
  building.problems.push(...mapProblems(Object.keys(map), uses, backup, building));
  return Object.fromEntries(uses.map((use) => [use, byName(map[use] ?? null)]));
}

/** A check at one destination needs that the backup goes there. */
function checkedElsewhere({ name, value, at }: MergedBackup, uses: string[]): Problem[] {
  return (value.verify ?? []).flatMap((check, index) => {
    const place = typeof check === 'object' && 'checksum' in check ? check.checksum.at : undefined;
    if (place === undefined || uses.includes(place)) return [];
    return [noDestination(at('verify', index, 'checksum', 'at'), name, place, uses)];
  });
}

function noDestination(pointer: string, backup: string, name: string, uses: string[]): Problem {
  const suggestion = nearest(name, uses);
  const message = `backup ${quoted(backup)} has no destination ${quoted(name)}`;
  return { pointer, message, expected: either(uses), ...(suggestion && { suggestion }) };
}

/** A map of retentions names every destination of the backup, and no other. */
function mapProblems(names: string[], uses: string[], backup: MergedBackup, building: Building): Problem[] {
  const isDefault = backup.at('retention').startsWith('/defaults');
  const missing = uses.filter((use) => !names.includes(use));
  const strange = names.filter(
    (name) => !uses.includes(name) && !(isDefault && Object.hasOwn(building.destinations, name)),
  );
  // A name that was mistyped is one mistake, not a strange name and a missing one.
  const meant = new Set(strange.map((name) => nearest(name, missing)));
  return [
    ...missing
      .filter((use) => !meant.has(use))
      .map((use) => ({
        pointer: backup.at('retention'),
        key: true as const,
        message: `retention of backup ${quoted(backup.name)} leaves out its destination ${quoted(use)}`,
        expected: 'a retention for each destination, or null: for ever',
      })),
    ...strange.map((name) => ({
      ...noDestination(backup.at('retention', name), backup.name, name, uses),
      key: true as const,
    })),
  ];
}

function restoreOf(
  restore: NonNullable<Backup['restore']>,
  backup: MergedBackup,
  { plan, loaded }: Building,
): NonNullable<Backup['restore']> {
  const { at } = backup;
  const stop = restore.stop?.map((entry, index): Stop => {
    if (!('compose' in entry) || entry.compose.file === undefined) return entry;
    const file = absolutePath(entry.compose.file, at('restore', 'stop', index, 'compose', 'file'), loaded);
    return { ...entry, compose: { ...entry.compose, file } };
  });
  const { source } = backup.value;
  const spec = typeof source === 'string' ? plan.sources![source]! : source;
  const isPath = findSource(spec.type).restores(spec, restore.options) !== 'database';
  return {
    ...restore,
    ...(restore.to !== undefined && isPath && { to: absolutePath(restore.to, at('restore', 'to'), loaded) }),
    ...(stop && { stop }),
  };
}
