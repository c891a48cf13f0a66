/** What compile has to know beside the plan. It is read in src/facts.ts. */
import type { Shelf } from '../catalog/shelf.ts';
import type { Missing } from '../copies/missing.ts';
import type { Facts, Inspection, Made, Survey } from '../kind.ts';
import type { Configured, ResolvedBackup } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import type { Item } from '../retention/decide.ts';

/**
 * One destination's shelf. By backup name: `items` for retention, `digests` of the names listed, `blocked` why nothing of
 * a backup may be pruned there.
 */
export type ShelfFacts =
  | {
      shelf: Shelf;
      items: Readonly<Record<string, Item[]>>;
      digests: Readonly<Record<string, string>>;
      blocked: Readonly<Record<string, string>>;
      /** Bytes of each backup of the plan's folder, by id; absent where nobody looked. */
      sizes?: Readonly<Record<string, number>>;
    }
  | { unknown: string };

/** What programs there are at one place. */
export type Site = Pick<Facts, 'programs' | 'installed' | 'elsewhere'>;

/** A live source, seen from where its programs run. */
export type SourceFacts = {
  site: Site;
  /** Null where it did not answer; absent where it was not asked or its kind asks nothing. */
  survey?: Survey | null;
  /** Why it cannot be read, a sentence each: its place or it itself did not answer. */
  problems: readonly string[];
};

/** Programs in an image, or why it cannot be used. */
export type ImageFacts = Site | { problem: string };

/**
 * How programs that work on data of unknown origin are shut in, where the runner is root: as a user that owns nothing and,
 * where the system can, without network; or why they cannot be.
 */
export type Sandbox = { network: 'none' | 'shared' } | { problem: string };

/** Programs of `Facts` are those here. */
export type RunFacts = Facts & {
  /** By `inspectionKey`. */
  inspections: Readonly<Record<string, Inspection>>;
  /** By destination name. */
  shelves: Readonly<Record<string, ShelfFacts>>;
  /** By backup name. */
  sources?: Readonly<Record<string, SourceFacts>>;
  /** By image. */
  images?: Readonly<Record<string, ImageFacts>>;
  /** By destination name: what it lacks; absent where nobody looked. */
  copies?: Readonly<Record<string, { missing: readonly Missing[] } | { unknown: string }>>;
  /** Absent where the runner is no root: programs run as it does. */
  sandbox?: Sandbox;
  now: Date;
};

/** Where the inspection of a backup's transform stands in `inspections`. */
export function inspectionKey(backup: string, index: number): string {
  return `${backup}/${index}`;
}

/** For what touches the live source: its own programs, what it said of itself, and how a backup of it will be made. */
export function sourceFacts(facts: RunFacts, { name, source }: Pick<ResolvedBackup, 'name' | 'source'>): Facts {
  const { site, survey } = facts.sources?.[name] ?? { site: siteOf(facts) };
  return {
    ...site,
    ...(source.place ? { elsewhere: true as const } : {}),
    ...(survey === undefined ? {} : { survey }),
    made: plannedMade(source, survey ?? null),
  };
}

/** For what opens an artifact here. */
export function openingFacts(facts: RunFacts, made: Made): Facts {
  return { ...siteOf(facts), made };
}

/** How an artifact of this source is going to be made; what the source will say of itself by then is not known yet. */
export function plannedMade(source: Configured, survey: Survey | null): Made {
  return { extension: findSource(source.type).extension(source.spec), version: survey?.version ?? null, facts: {} };
}

/** What there is here. */
export function siteOf({ programs, installed }: Facts): Site {
  return { programs, ...(installed ? { installed } : {}) };
}
