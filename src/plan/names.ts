/**
 * The names that a plan gives and uses. It reads plans that the schemas have refused as well, so that a wrong name is
 * reported together with everything else; what has not the right shape is passed over.
 */
import { explain, isPolicy } from './explain.ts';
import { kinds } from './generated/tables.ts';
import type { DefinitionName } from './generated/validators.js';
import { nearest } from './nearest.ts';
import { childPointer } from './position.ts';
import { either, type Problem, quoted, typeOf } from './wording.ts';

type Data = Record<string, unknown>;
const transformKinds: readonly string[] = kinds.transform;

const nouns = {
  secrets: 'secret',
  sources: 'source',
  transforms: 'list of transforms',
  destinations: 'destination',
  retention: 'retention',
} as const;
type Section = keyof typeof nouns;

/** What was found: uses of names that nobody gave, and per section the names that are used. */
export type NameCheck = { problems: Problem[]; used: Record<Section, Set<string>> };

/** Checks every use of a name of the plan's own. */
export function checkNames(value: unknown): NameCheck {
  const plan = map(value);
  const check: Check = {
    plan,
    problems: [],
    used: {
      secrets: new Set(),
      sources: new Set(),
      transforms: new Set(),
      destinations: new Set(),
      retention: new Set(),
    },
  };
  for (const [name, list] of Object.entries(map(plan.transforms))) {
    const pointer = childPointer('/transforms', name);
    if (transformKinds.includes(name)) {
      check.problems.push({
        pointer,
        key: true,
        message: `${quoted(name)} is the name of a kind of transform`,
        expected: 'another name',
      });
    }
    transformNames(check, list, pointer, false);
  }
  const holders: [string, unknown][] = Object.entries(map(plan.backups)).map(([name, backup]) => [
    childPointer('/backups', name),
    backup,
  ]);
  for (const [pointer, holder] of [['/defaults', plan.defaults] as [string, unknown], ...holders]) {
    backupNames(check, map(holder), pointer);
  }
  for (const [name, group] of Object.entries(map(plan.groups))) memberNames(check, map(group), name);
  for (const name of Object.keys(map(plan.tasks))) {
    const taken = (['backups', 'groups'] as const).find((section) => Object.hasOwn(map(plan[section]), name));
    if (taken === undefined) continue;
    const message = `${quoted(name)} is the name of a ${taken === 'backups' ? 'backup' : 'group'}`;
    check.problems.push({ pointer: childPointer('/tasks', name), key: true, message, expected: 'another name' });
  }
  secretNames(check, plan, '');
  return { problems: check.problems, used: check.used };
}

type Check = { plan: Data } & NameCheck;

function backupNames(check: Check, backup: Data, pointer: string): void {
  if (typeof backup.source === 'string' && pointer !== '/defaults')
    use(check, 'sources', backup.source, `${pointer}/source`);
  if (typeof backup.transforms === 'string') use(check, 'transforms', backup.transforms, `${pointer}/transforms`);
  else transformNames(check, backup.transforms, `${pointer}/transforms`, true);
  for (const [index, item] of items(backup.destinations)) {
    const at = `${pointer}/destinations/${index}`;
    if (typeof item === 'string') use(check, 'destinations', item, at);
    else if (typeof map(item).type !== 'string') {
      for (const name of Object.keys(map(item))) use(check, 'destinations', name, childPointer(at, name), true);
    }
  }
  retentionNames(check, backup.retention, `${pointer}/retention`);
  const safety = map(map(backup.restore).safety);
  for (const [index, name] of items(safety.destinations)) {
    if (typeof name === 'string') use(check, 'destinations', name, `${pointer}/restore/safety/destinations/${index}`);
  }
}

/** Members of a consistency group; its own name stands beside those of backups on a command line. */
function memberNames(check: Check, { together }: Data, group: string): void {
  const backups = map(check.plan.backups);
  const pointer = childPointer('/groups', group);
  if (Object.hasOwn(backups, group)) {
    const message = `${quoted(group)} is the name of a backup`;
    check.problems.push({ pointer, key: true, message, expected: 'another name' });
  }
  for (const [index, name] of items(together)) {
    if (typeof name !== 'string' || Object.hasOwn(backups, name)) continue;
    check.problems.push(unknown('backup', name, Object.keys(backups), `${pointer}/together/${index}`));
  }
}

function retentionNames(check: Check, retention: unknown, pointer: string): void {
  if (typeof retention === 'string') use(check, 'retention', retention, pointer);
  if (typeOf(retention) !== 'object' || isPolicy(retention as Data)) return;
  for (const [name, entry] of Object.entries(retention as Data)) {
    if (typeof entry === 'string') use(check, 'retention', entry, childPointer(pointer, name));
  }
}

/** Items of a list of transforms that are bare names; a kind that cannot do without options wants them. */
function transformNames(check: Check, list: unknown, pointer: string, isOpen: boolean): void {
  for (const [index, item] of items(list)) {
    if (typeof item !== 'string') continue;
    const at = `${pointer}/${index}`;
    const lists = isOpen ? map(check.plan.transforms) : {};
    if (transformKinds.includes(item)) check.problems.push(...explain({}, `transform-${item}` as DefinitionName, at));
    else if (Object.hasOwn(lists, item)) check.used.transforms.add(item);
    else check.problems.push(unknown('transform', item, [...transformKinds, ...Object.keys(lists)], at));
  }
}

/** `{ secret: name }` anywhere but where a key of the user's own may be called so. */
function secretNames(check: Check, node: unknown, pointer: string): void {
  if (Array.isArray(node)) for (const [index, item] of node.entries()) secretNames(check, item, `${pointer}/${index}`);
  if (typeOf(node) !== 'object') return;
  const entries = Object.entries(node as Data);
  const [first] = entries;
  if (entries.length === 1 && first![0] === 'secret' && typeof first![1] === 'string') {
    use(check, 'secrets', first![1], `${pointer}/secret`);
  }
  for (const [key, value] of entries) {
    if (key === 'retention' || key === 'allow' || key === 'secrets') continue;
    if (key === 'options' && pointer.endsWith('/restore')) continue;
    const at = childPointer(pointer, key);
    // A variable may be called `secret`: only its value is looked at.
    if (key === 'environment') {
      for (const [name, entry] of Object.entries(map(value))) secretNames(check, entry, childPointer(at, name));
    } else secretNames(check, value, at);
  }
}

function use(check: Check, section: Section, name: string, pointer: string, key = false): void {
  const known = map(check.plan[section]);
  if (Object.hasOwn(known, name)) check.used[section].add(name);
  else {
    const problem = unknown(nouns[section], name, Object.keys(known), pointer);
    // `transforms: zstd`: a list of one was meant.
    if (section === 'transforms' && transformKinds.includes(name)) problem.suggestion = `[${name}]`;
    else if (Object.keys(known).length === 0) problem.expected = `an entry ${quoted(name)} in ${quoted(section)}`;
    check.problems.push({ ...problem, ...(key && { key: true as const }) });
  }
}

/** A plan with more names than this is not looked through for one that is near: comparing all with all would take minutes. */
const comparedNames = 1000;

function unknown(noun: string, name: string, known: readonly string[], pointer: string): Problem {
  const suggestion = known.length <= comparedNames ? nearest(name, known) : undefined;
  return {
    pointer,
    message: `there is no ${noun} ${quoted(name)}`,
    ...(known.length > 0 && known.length <= 12 && { expected: either(known) }),
    ...(suggestion && { suggestion }),
  };
}

function map(value: unknown): Data {
  return typeOf(value) === 'object' ? (value as Data) : {};
}

function items(value: unknown): [number, unknown][] {
  return Array.isArray(value) ? [...value.entries()] : [];
}
