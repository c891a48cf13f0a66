/** Where a restore of a database goes: a name at the source's own server, or at another that a URL names. */
import { isRunning } from '../catalog/process-identity.ts';
import { placed, placeOf } from '../compile/place.ts';
import { RunnerError, refuse } from '../diagnostic.ts';
import type { Facts } from '../kind.ts';
import { placeName } from '../place-name.ts';
import type { ResolvedSource } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import type { AskServer } from './server.ts';
import type { RestoreTarget } from './target.ts';

/** Bytes; the shortest limit of the servers that there are. */
const longestName = 63;
/** So many restores of one database cannot all have been left there by accident. */
const mostNames = 50;

export type DatabaseTarget = RestoreTarget & {
  target: string;
  source: ResolvedSource;
  where: string;
  /** Sentences that a person should read before going on. */
  remarks: string[];
};

export type DatabaseWish = {
  /** For a person: the backup, with the part where it has several. */
  title: string;
  source: ResolvedSource;
  /** A name or a URL; null: its own name at its own server. */
  to: string | null;
  /** Parts of it that are wanted alone. */
  only: readonly string[];
  /** Names that other databases of this restore have chosen. */
  taken: Set<string>;
};

/** Throws RunnerError (exit 4), also when the server does not answer. */
export async function databaseTarget(wish: DatabaseWish, facts: Facts, ask: AskServer): Promise<DatabaseTarget> {
  const { to, title } = wish;
  const home = findSource(wish.source.type).home(wish.source.spec);
  const elsewhere = to !== null && /^[a-z][a-z0-9+.-]*:\/\//i.test(to);
  const { source, name } = elsewhere ? atUrl(wish.source, to) : { source: wish.source, name: to ?? home };
  if (name === null) throw refuse(`${title} names no database of its own to restore to: say it with --to`);
  if (name === '') throw refuse('--to is empty; name a database');
  if (to !== null && /^(?:~|\.{1,2})?\//.test(to))
    throw refuse(`--to ${to} looks like a path, and ${title} is restored into a database; name a database`);
  if (name.includes('\0')) throw refuse('--to holds a NUL byte, which no database has in its name');
  const where = serverText(source);
  const server: Server = { source, facts, ask, where, taken: wish.taken, remarks: [] };
  const there = await look(server, name);
  const kind = findSource(source.type);
  if (wish.only.length > 0 && !kind.databases?.move)
    throw refuse(
      `a ${source.type} server cannot put single parts in place; restore all of it to another database with --to`,
    );
  if (wish.only.length > 0 && there === 'nothing')
    throw refuse(
      `there is no database ${quoted(name)} at ${where} to put ${wish.only.join(', ')} into; leave --only out`,
    );
  // One after another: what they write down for their programs has the same names.
  const beside = await besideName(server, name);
  const aside = await freeName(server, name, 'old');
  return {
    target: name,
    source,
    where,
    remarks: server.remarks,
    live: !elsewhere && name === home,
    replaces: there !== 'nothing',
    empty: there !== 'full',
    beside: beside.name,
    stale: beside.stale,
    aside,
  };
}

type Server = Pick<DatabaseTarget, 'source' | 'where' | 'remarks'> & {
  facts: Facts;
  ask: AskServer;
  taken: Set<string>;
};

/** What lies there. */
export async function look(
  { source, facts, ask, where }: Omit<Server, 'taken' | 'remarks'>,
  name: string,
): Promise<'nothing' | 'empty' | 'full'> {
  const { databases } = findSource(source.type);
  if (!databases) throw new Error(`a source of type ${source.type} restores a database and knows nothing of them`);
  const found = await ask(placed(databases.look(source.spec, name, facts), placeOf(source.place))).catch(
    (error: Error) => {
      throw refuse(`the ${where} cannot be asked what lies in the database ${quoted(name)}: ${error.message}`);
    },
  );
  if (found === 'nothing' || found === 'empty' || found === 'full') return found;
  throw refuse(`the ${where} was asked what lies in the database ${quoted(name)} and said ${quoted(oneLine(found))}`);
}

/** A free name, or one that a run of ours left behind: that one is known by its mark, and goes first. */
async function besideName(server: Server, target: string): Promise<{ name: string; stale: boolean }> {
  const { source, facts, ask, taken } = server;
  const mark = findSource(source.type).databases?.mark;
  for (let number = 1; number <= mostNames; number++) {
    const name = nameFor(target, 'new', number);
    if (taken.has(name)) continue;
    taken.add(name);
    if ((await look(server, name)) === 'nothing') return { name, stale: false };
    const text = mark ? await ask(placed(mark.read(source.spec, name, facts), placeOf(source.place))) : '';
    const run = /^runner (\S+)$/.exec(text)?.[1];
    if (run === undefined) {
      leaveAlone(server, name);
      continue;
    }
    if (isRunning(run))
      throw new RunnerError(`run ${run} restores ${quoted(target)} of the ${server.where} right now`, { exitCode: 5 });
    server.remarks.push(`${quoted(name)} of the ${server.where} was left by a restore that was killed; it is dropped`);
    return { name, stale: true };
  }
  throw tooMany(server, target, 'new');
}

async function freeName(server: Server, target: string, word: 'old'): Promise<string> {
  for (let number = 1; number <= mostNames; number++) {
    const name = nameFor(target, word, number);
    if (server.taken.has(name)) continue;
    server.taken.add(name);
    if ((await look(server, name)) === 'nothing') return name;
    leaveAlone(server, name);
  }
  throw tooMany(server, target, word);
}

/** Nobody but a person knows whether it is needed any more. */
function leaveAlone({ remarks, where }: Server, name: string): void {
  remarks.push(`${quoted(name)} of the ${where} is there already, perhaps from an earlier restore; it is left alone`);
}

/** `orders_runner_new`, `orders_runner_new_2`: cut so that the server takes it. */
function nameFor(target: string, word: 'new' | 'old', number: number): string {
  const suffix = `_runner_${word}${number === 1 ? '' : `_${number}`}`;
  let stem = target;
  while (Buffer.byteLength(stem + suffix) > longestName) stem = [...stem].slice(0, -1).join('');
  return stem + suffix;
}

function tooMany({ where }: Server, target: string, word: string): RunnerError {
  return refuse(
    `the ${where} holds ${mostNames} databases such as ${quoted(nameFor(target, word as 'old', 1))}; drop them first`,
  );
}

/** The source at the server of a URL, with the credentials of the plan. */
function atUrl(source: ResolvedSource, text: string): { source: ResolvedSource; name: string } {
  const shown = text.replace(/\/\/[^/]*@/, '//…@');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) throw refuse(`${shown} is no URL such as ${source.type}://user@host:port/database`);
  if (url.password !== '')
    throw refuse(
      `${shown} holds a password, which would be seen by everybody on this machine: write that server as another source with a secret in the plan, or leave the password out and the one of the plan is used`,
    );
  const { databases } = findSource(source.type);
  if (!databases?.at)
    throw refuse(
      `a ${source.type} backup is restored to the server of its source; write the other server as a source in the plan`,
    );
  const name = decoded(url.pathname.replace(/^\//, ''), shown);
  if (name === '') throw refuse(`${shown} names no database: add it behind the last slash`);
  try {
    return { source: { ...source, spec: { ...databases.at(source.spec, url) } }, name };
  } catch (error) {
    throw refuse(`${shown}: ${(error as Error).message}`);
  }
}

function decoded(text: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse(`${shown} holds a % that begins no escape; write %25`);
  }
}

/** Which server that is: `postgres server at db.internal:5432 (docker shop-postgres)`. */
function serverText({ type, spec, place }: ResolvedSource): string {
  const at = findSource(type).databases?.where?.(spec);
  return [
    `${type} server`,
    ...(at === undefined ? [] : [`at ${at}`]),
    ...(place ? [`(${placeName(place)})`] : []),
  ].join(' ');
}

const quoted = (name: string): string => `"${oneLine(name)}"`;
