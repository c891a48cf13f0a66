/** What the snapshots of a repository mean: which of them are objects, and what else of ours lies there. */

/** Every snapshot of ours has it. */
export const ourTag = 'runner';

/**
 * `object`: a small one, whole. `published`: makes the snapshot `of` with an artifact an object. `data`: the bytes of an artifact,
 * seen by nobody before they are published. `removed`: the attempt may not be published any more. `tombstone`: the snapshots
 * that it names are gone for everybody, although a lock keeps restic from forgetting them now.
 */
export type Role = 'object' | 'published' | 'data' | 'removed' | 'tombstone';

export type Snapshot = {
  id: string;
  time: Date;
  role: Role;
  key: string;
  size: number;
  /** 0: written once. Of several snapshots of a key the highest counts, of equal ones the oldest. */
  generation: number;
  /** Of a published one: the snapshot with the bytes. */
  of: string | null;
  attempt: string | null;
  /** Ids of snapshots that a tombstone takes away. */
  buries: readonly string[];
};

export type Mark = Omit<Snapshot, 'id' | 'time'>;

/** What a snapshot is to mean; what is not said has its usual value. */
export function markOf(role: Role, key: string, more: Partial<Mark> = {}): Mark {
  return { role, key, size: 0, generation: 0, of: null, attempt: null, buries: [], ...more };
}

const suffixes: Partial<Record<Role, string>> = { published: '.published', removed: '.removed' };

/** The words of `restic backup --stdin` that make such a snapshot. */
export function wordsOf(mark: Mark): string[] {
  const { role, key, size, generation, of, attempt, buries } = mark;
  const tags = [
    ourTag,
    ...(role === 'object' || role === 'published' ? [`size=${size}`] : []),
    ...(generation > 0 ? [`generation=${generation}`] : []),
    ...(of === null ? [] : [`of=${of}`]),
    ...(attempt === null ? [] : [`${role === 'removed' ? 'removed' : 'attempt'}=${attempt}`]),
    ...buries.map((id) => `forgotten=${id}`),
  ];
  return ['--stdin', `--stdin-filename=${key}${suffixes[role] ?? ''}`, ...tags.flatMap((tag) => ['--tag', tag])];
}

type Listed = { id: string; time: string; tags?: string[] | null; paths?: string[] | null };

/** Reads `restic snapshots --json`; what is not ours is left out. Throws where it is not such a list. */
export function readSnapshots(json: string): Snapshot[] {
  const listed = JSON.parse(json.trim() === '' ? 'null' : json) as Listed[] | null;
  return (listed ?? []).flatMap((one) => {
    const mark = readMark(one);
    return mark ? [{ ...mark, id: one.id, time: new Date(one.time) }] : [];
  });
}

function readMark({ tags, paths }: Listed): Mark | null {
  if (!tags?.includes(ourTag) || paths?.length !== 1 || !paths[0]!.startsWith('/')) return null;
  const all = (name: string) => tags.flatMap((tag) => (tag.startsWith(`${name}=`) ? [tag.slice(name.length + 1)] : []));
  const [of] = all('of');
  const [removed] = all('removed');
  const [attempt] = all('attempt');
  const buries = all('forgotten');
  const role: Role =
    buries.length > 0 ? 'tombstone' : of ? 'published' : removed ? 'removed' : attempt ? 'data' : 'object';
  const suffix = suffixes[role] ?? '';
  const path = paths[0]!.slice(1);
  if (!path.endsWith(suffix)) return null;
  return {
    role,
    key: path.slice(0, path.length - suffix.length),
    size: Number(all('size')[0] ?? 0),
    generation: Number(all('generation')[0] ?? 0),
    of: of ?? null,
    attempt: attempt ?? removed ?? null,
    buries,
  };
}

/** The oldest first; ids tell apart what was made in the same moment, for everybody alike. */
export function older(left: Snapshot, right: Snapshot): number {
  return left.time.getTime() - right.time.getTime() || (left.id < right.id ? -1 : 1);
}

/** Snapshots in memory, by id and by key. */
export class Known {
  private readonly byId = new Map<string, Snapshot>();
  private readonly byKey = new Map<string, Snapshot[]>();
  /** What may be forgotten: what was buried, tombstones that bury nothing more, and what a newer generation has replaced. */
  readonly waste: string[] = [];

  constructor(snapshots: readonly Snapshot[] = []) {
    const ids = new Set(snapshots.map(({ id }) => id));
    const buried = new Set(snapshots.flatMap(({ buries }) => buries));
    for (const snapshot of snapshots) {
      const { id, role, buries } = snapshot;
      if (buried.has(id)) this.waste.push(id);
      else if (role !== 'tombstone') this.add(snapshot);
      else if (!buries.some((one) => ids.has(one))) this.waste.push(id);
    }
    for (const { key, generation } of this.objects('')) {
      const replaced = this.of(key, 'object', 'published').filter((one) => one.generation < generation);
      this.waste.push(...replaced.map(({ id }) => id));
    }
  }

  add(snapshot: Snapshot): void {
    if (this.byId.has(snapshot.id)) return;
    this.byId.set(snapshot.id, snapshot);
    this.byKey.set(snapshot.key, [...(this.byKey.get(snapshot.key) ?? []), snapshot]);
  }

  delete(id: string): void {
    const key = this.byId.get(id)?.key;
    if (key === undefined) return;
    this.byId.delete(id);
    const left = this.byKey.get(key)!.filter((one) => one.id !== id);
    if (left.length > 0) this.byKey.set(key, left);
    else this.byKey.delete(key);
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  /** The full id of one that restic told by its first digits. */
  starting(short: string): Snapshot | null {
    for (const [id, snapshot] of this.byId) if (id.startsWith(short)) return snapshot;
    return null;
  }

  /** Everything of a key in these roles, the oldest first. */
  of(key: string, ...roles: Role[]): Snapshot[] {
    return (this.byKey.get(key) ?? []).filter(({ role }) => roles.includes(role)).toSorted(older);
  }

  /** What counts as the object of a key. */
  object(key: string): Snapshot | null {
    const found = this.of(key, 'object', 'published');
    const newest = Math.max(...found.map(({ generation }) => generation));
    return found.find(({ generation }) => generation === newest) ?? null;
  }

  /** Every key that has an object, in the order of their names. */
  *objects(prefix: string): Iterable<Snapshot> {
    for (const key of [...this.byKey.keys()].filter((one) => one.startsWith(prefix)).toSorted()) {
      const found = this.object(key);
      if (found) yield found;
    }
  }

  all(): Iterable<Snapshot> {
    return this.byId.values();
  }
}
