/** What live sources, the places where their programs run and throw-away servers are made of: read before a graph is compiled. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { Place } from './command.ts';
import type { ImageFacts, RunFacts, Sandbox, Site, SourceFacts } from './compile/facts.ts';
import { isContainer, scratchUser } from './compile/scratch.ts';
import type { ReadSecret } from './destination.ts';
import { faultOf } from './execute/blame.ts';
import { openConnections } from './execute/connections.ts';
import { runOutside } from './execute/remote-run.ts';
import { imageFacts } from './image-facts.ts';
import type { Survey } from './kind.ts';
import type { ResolvedBackup } from './plan/resolved.ts';
import { type SiteHost, siteFacts } from './programs.ts';
import { findSource, findTransform } from './registry.ts';

/** Seconds in which a live source must answer. */
const surveyTime = 10;

export type SourcesHost = SiteHost & { readSecret: ReadSecret; redact(text: string): string };

/** `survey`: whether the live sources are asked. Whatever does not answer becomes a problem of its backups, never an error. */
export async function readSources(
  backups: readonly ResolvedBackup[],
  host: SourcesHost,
  survey: boolean,
): Promise<Required<Pick<RunFacts, 'programs' | 'installed' | 'sources' | 'images'>> & Pick<RunFacts, 'sandbox'>> {
  const [here, images, sandbox] = await Promise.all([
    siteFacts(backups.flatMap(programNames), backups.flatMap(foldersOf), null, host),
    readImages(backups, host),
    readSandbox(backups, host),
  ]);
  const asked = new Map<string, Promise<SourceFacts>>();
  const { environment, directory } = host;
  const connections = openConnections({ environment, ...(directory === undefined ? {} : { directory }), shared: true });
  const identity = ({ source: { type, spec, place } }: ResolvedBackup) => JSON.stringify([type, spec, place]);
  const reading = backups.map(async (backup) => {
    const key = identity(backup);
    const names = backups.filter((one) => identity(one) === key).map(({ name }) => `"${name}"`);
    const wanted = { source: backup.source, names: names.join(', ') };
    const facts = asked.get(key) ?? readSource(wanted, here, { ...host, connections }, survey);
    asked.set(key, facts);
    return [backup.name, await facts] as const;
  });
  const sources = await Promise.all(reading).finally(() => connections.close());
  return {
    ...here,
    sources: Object.fromEntries(sources),
    images,
    ...(sandbox ? { sandbox } : {}),
  };
}

function programNames({ source, transforms }: ResolvedBackup): string[] {
  return [
    ...findSource(source.type).programs(source.spec),
    ...transforms.flatMap(({ type, spec }) => findTransform(type).programs(spec)),
  ];
}

const foldersOf = ({ source }: ResolvedBackup): string[] => [...(findSource(source.type).folders ?? [])];
const noSite: Site = { programs: {}, installed: {} };

/** One live source; `names` are the backups of it, for a person. */
type Wanted = Pick<ResolvedBackup, 'source'> & { names: string };

async function readSource(wanted: Wanted, here: Site, host: SourcesHost, survey: boolean): Promise<SourceFacts> {
  const { source, names } = wanted;
  const kind = findSource(source.type);
  const place = (source.place ?? null) as Place | null;
  let site = here;
  if (place !== null) {
    try {
      site = await siteFacts(kind.programs(source.spec), kind.folders ?? [], place, host);
    } catch (error) {
      const problem = `the source of ${names} cannot be reached: ${host.redact((error as Error).message)}`;
      return { site: noSite, ...(kind.survey ? { survey: null } : {}), problems: [problem] };
    }
  }
  if (!survey || !kind.survey) return { site, problems: [] };
  return { site, ...(await ask(wanted, site, place, host)) };
}

async function ask(
  { names, source }: Wanted,
  site: Site,
  place: Place | null,
  host: SourcesHost,
): Promise<{ survey: Survey | null; problems: string[] }> {
  const survey = findSource(source.type).survey!;
  try {
    const command = survey.command(source.spec, site);
    const ended = await runOutside(place ? { ...command, place } : command, host, { timeout: surveyTime });
    const fault = faultOf([ended]);
    // That its program is missing is told where programs are asked for.
    if (ended.fault?.kind === 'not-found') return { survey: null, problems: [] };
    if (fault) throw fault;
    return { survey: survey.read(source.spec, ended.stdout), problems: [] };
  } catch (error) {
    const why = host.redact((error as Error).message);
    return { survey: null, problems: [`the source of ${names} does not answer: ${why}`] };
  }
}

/** Backups that are restored into a throw-away server. */
function verified(backups: readonly ResolvedBackup[]) {
  return backups.flatMap(({ source, verify }) =>
    verify.flatMap(({ level, into = 'scratch' }) =>
      level === 'restore' && findSource(source.type).scratch ? [{ source, into }] : [],
    ),
  );
}

async function readImages(backups: readonly ResolvedBackup[], host: SiteHost): Promise<Record<string, ImageFacts>> {
  const wanted = new Map<string, { names: string[]; folders: string[] }>();
  for (const { source, into } of verified(backups)) {
    if (!isContainer(into)) continue;
    const kind = findSource(source.type);
    const { names, folders } = wanted.get(into.docker) ?? { names: [], folders: [] };
    wanted.set(into.docker, {
      names: [...names, ...kind.programs(source.spec)],
      folders: [...folders, ...(kind.folders ?? [])],
    });
  }
  const found = [...wanted].map(async ([image, { names, folders }]): Promise<[string, ImageFacts]> => {
    try {
      return [image, await imageFacts(names, folders, image, host)];
    } catch (error) {
      return [image, { problem: (error as Error).message }];
    }
  });
  return Object.fromEntries(await Promise.all(found));
}

const needsSetpriv =
  'this runs as root, and what is in a backup may run programs, so a throw-away server must run as a user that owns nothing: ' +
  'install setpriv (util-linux), run as another user, or verify with into: { docker: IMAGE }';

/** Tried, since a container may forbid either. */
async function readSandbox(backups: readonly ResolvedBackup[], { environment }: SiteHost): Promise<Sandbox | null> {
  const isNeeded = verified(backups).some(({ into }) => !isContainer(into));
  if (!isNeeded || process.getuid?.() !== 0) return null;
  const user = [`--reuid=${scratchUser}`, `--regid=${scratchUser}`, '--clear-groups', '--no-new-privs', '--'];
  // Long: no answer would read as a refusal, and a machine may be busy.
  const works = (file: string, ...argv: string[]) =>
    new Promise<boolean>((resolve) => {
      execFile(file, argv, { env: { PATH: environment.PATH }, timeout: 60_000 }, (error) => resolve(error === null));
    });
  const parent = environment.TMPDIR || tmpdir();
  const [asUser, alone, enters] = await Promise.all([
    works('setpriv', ...user, 'true'),
    works('unshare', '--net', '--', 'setpriv', ...user, 'true'),
    works('setpriv', ...user, 'test', '-x', parent),
  ]);
  if (!asUser) return { problem: needsSetpriv };
  if (!enters)
    return {
      problem: `a throw-away server runs as a user that owns nothing (${scratchUser}), and that may not enter ${parent}: set TMPDIR to a folder that everybody may enter`,
    };
  return { network: alone ? 'none' : 'shared' };
}
