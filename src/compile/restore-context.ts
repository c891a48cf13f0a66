import { artifactOf, madeOf } from '../catalog/artifacts.ts';
import type { Manifest } from '../catalog/format.ts';
import type { PartId, Requirement, RestoreOrigin, Scope, StageRecord, Task } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedBackup, ResolvedPlan, ResolvedSource } from '../plan/resolved.ts';
import { type AnySource, findSource } from '../registry.ts';
import { type RunFacts, siteOf, sourceFacts } from './facts.ts';
import { placed as atPlace, placeOf } from './place.ts';

/** One artifact of a backup, and where it goes. Names that must be free were chosen when the facts were read. */
export type RestorePiece = {
  part: PartId;
  /** Its spec is the part's, at the server to which it goes. */
  source: ResolvedSource;
  /** An absolute path or the name of a database; null only for kinds whose restore is a program that takes the stream. */
  target: string | null;
  /** A path where the source's programs run. */
  there?: true;
  /** Something lies at the target, and the person has agreed to replace it. */
  replaces: boolean;
  /** What lies there holds nothing. */
  empty: boolean;
  beside: string;
  /** What lies beside was left by a run of ours that was killed: it goes first. */
  stale: boolean;
  aside: string;
  /** Keep a committed copy of what is replaced. */
  safety: boolean;
  /** Only these of its parts: tables, schemas, collections, members. Empty: all of it. */
  only: string[];
};

/** What is restored of one backup. */
export type RestoreChoice = {
  backup: string;
  id: string;
  /** Null for an artifact outside the catalogue: then `records` come from its extensions. */
  manifest: Manifest | null;
  records?: StageRecord[];
  from: RestoreOrigin;
  /** The target is the live data's place: the plan's before, stop and after steps apply. */
  live: boolean;
  pieces: RestorePiece[];
};

/** `tag` is what stands behind the ids of its tasks: nothing where there is no other. */
export type RestoreContext = {
  plan: ResolvedPlan;
  backup: ResolvedBackup;
  choice: RestoreChoice;
  facts: RunFacts;
  tag: string;
};
export type PieceContext = RestoreContext & { piece: RestorePiece; kind: AnySource; kindFacts: Facts };
export type RestorePart = { tasks: Task[]; scopes: Scope[]; requirements: Requirement[] };

export const nothing: RestorePart = { tasks: [], scopes: [], requirements: [] };

export function joined(parts: readonly RestorePart[]): RestorePart {
  return {
    tasks: parts.flatMap(({ tasks }) => tasks),
    scopes: parts.flatMap(({ scopes }) => scopes),
    requirements: parts.flatMap(({ requirements }) => requirements),
  };
}

export function contextsOf(plan: ResolvedPlan, facts: RunFacts, choices: readonly RestoreChoice[]): RestoreContext[] {
  return choices.map((choice) => {
    const backup = plan.backups.find(({ name }) => name === choice.backup);
    if (!backup) throw new Error(`no backup "${choice.backup}" in the plan although it was chosen`);
    return { plan, backup, choice, facts, tag: choices.length === 1 ? '' : `:${backup.name}` };
  });
}

export function piecesOf(context: RestoreContext): PieceContext[] {
  const { choice, facts, tag } = context;
  return choice.pieces.map((piece, index) => {
    const artifact = choice.manifest ? artifactOf(choice.manifest, piece.part) : undefined;
    const made = artifact && choice.manifest ? { made: madeOf(choice.manifest, artifact) } : {};
    const kind = findSource(piece.source.type);
    const shape = kind.restores(piece.source.spec, context.backup.restore.options);
    const { elsewhere, ...known } = sourceFacts(facts, context.backup);
    // Files that are restored here are so with the programs of here, wherever they came from.
    const isHere = (shape === 'file' || shape === 'directory') && !piece.there;
    const there = isHere ? siteOf(facts) : elsewhere ? { elsewhere } : {};
    return {
      ...context,
      tag: choice.pieces.length === 1 ? tag : `${tag}:${index + 1}`,
      piece,
      kind,
      kindFacts: { ...known, ...there, ...made },
    };
  });
}

/** How its artifact was sealed. */
export function recordsOf({ choice, piece }: PieceContext): StageRecord[] {
  const artifact = choice.manifest ? artifactOf(choice.manifest, piece.part) : undefined;
  return artifact?.stages ?? choice.records ?? [];
}

/** For a person: the backup, with the part where it has several. */
export function pieceTitle({ choice, piece }: PieceContext): string {
  const { name, purpose } = piece.part;
  if (purpose === 'globals') return `roles and other globals of ${choice.id}`;
  return name === null ? choice.id : `${name} of ${choice.id}`;
}

/** Which artifact an action speaks of. */
export function partField({ piece }: PieceContext): { part?: PartId } {
  return piece.part.name === null ? {} : { part: piece.part };
}

export const ok = (things: readonly { id: string }[]): Task['needs'] =>
  things.map(({ id }) => ({ task: id, on: 'ok' as const }));

export function isDatabase({ kind, piece, backup }: PieceContext): boolean {
  return kind.restores(piece.source.spec, backup.restore.options) === 'database';
}

/** A server's own programs, and those that take the stream, run where the plan says; those for files where the target is. */
export function placed<Part>(context: PieceContext, part: Part): Part {
  const { target, there } = context.piece;
  return target !== null && !there && !isDatabase(context) ? part : placedLive(context, part);
}

/** What talks to the live source runs where the plan says. */
export function placedLive<Part>({ piece }: PieceContext, part: Part): Part {
  return atPlace(part, placeOf(piece.source.place));
}
