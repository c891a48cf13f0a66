/** Nothing is accepted that does nothing: every leaf of the schemas, changed, changes what can be seen. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { full } from '../proofs/support.ts';
import { observe } from './leaves-observe.ts';
import { makeFolder, richPlan } from './leaves-plan.ts';
import { serversPlan } from './leaves-servers.ts';
import { changed, changesOf, type Leaf, leavesOf, placesOfSchemas } from './leaves-walk.ts';
import { writePlan } from './shop.ts';

const temporary = temporaryDirectory('runner-leaves-');
afterAll(() => temporary.remove());

type Rich = { plan: Record<string, unknown>; base: string[] };
let plans: Record<'files' | 'servers', Rich>;
beforeAll(async () => {
  const folder = await makeFolder(temporary.path);
  plans = { files: await seenOf(richPlan(folder)), servers: await seenOf(serversPlan()) };
});

async function seenOf(plan: Rich['plan']): Promise<Rich> {
  const { refused, parts } = await observe(plan, temporary.path);
  const base: string[] = [];
  for await (const part of parts) base.push(part);
  if (refused) throw new Error(base.join('\n'));
  return { plan, base };
}

/** What is accepted although a change of it is not seen here, and why. A place of the schemas -> the reason. */
const quiet: Record<string, string> = {
  'contents-assertion.compare': 'must be there, and has one value: a count of everything is compared with the source',
  'destination-git.path': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.author': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.message': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.user': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.refuse': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.refuse.[]': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.allow-secrets': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.allow-secrets.{}': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.state': 'acts at run time: test/kinds/git.test.ts',
  'destination-git.cache': 'acts at run time: test/kinds/git.test.ts',
  'destination-local.mount': 'acts at run time: see below',
  'destination-local.timeout': 'acts at run time, on a network file system: see test/kinds/local-network.test.ts',
  'destination-local.modes': 'acts at run time: see below',
  'destination-local.modes.files': 'acts at run time: see below',
  'destination-local.modes.directories': 'acts at run time: see below',
  ...Object.fromEntries(
    ['key', 'known-hosts', 'jump', 'modes', 'modes.files', 'modes.directories'].map((key) => [
      `destination-sftp.${key}`,
      'acts at run time: see test/kinds/sftp.test.ts and test/integration/sftp.test.ts',
    ]),
  ),
  ...atRunTime(
    'test/kinds/rclone.test.ts, gcs.test.ts and azure.test.ts',
    `destination-rclone.flags rclone-flags.[] destination-azure.account destination-gcs.flags destination-azure.flags
    destination-gcs.anonymous destination-gcs.endpoint destination-azure.tier`,
  ),
  'signing.public': 'acts at run time: see below',
  'plan.id': 'acts at run time: see below',
  'restore.confirm': 'acts at run time: test/regressions/cli-terminal.test.ts',
  ...atRunTime(
    'test/kinds/s3.test.ts',
    `destination-s3.region destination-s3.endpoint destination-s3.path-style destination-s3.profile destination-s3.ca
    destination-s3.bandwidth destination-s3.part-size destination-s3.concurrency destination-s3.timeout destination-s3.attempts
    destination-s3.role s3-role-whole.arn s3-role-whole.external-id destination-s3.tags destination-s3.tags.{}
    destination-s3.object-lock.mode
    s3-encryption-kms.key s3-encryption-kms.bucket-key destination-s3.storage-class
    s3-class-by-tier.recent s3-class-by-tier.hourly s3-class-by-tier.daily s3-class-by-tier.weekly s3-class-by-tier.monthly
    s3-class-by-tier.quarterly s3-class-by-tier.yearly`,
  ),
  ...atRunTime(
    'test/kinds/restic.test.ts and test/integration/restic.test.ts',
    `destination-restic.initialize destination-restic.prune destination-restic.read-data-subset
    destination-restic.retry-lock destination-restic.cache`,
  ),
  ...atRunTime(
    'test/kinds/s3-guard.test.ts',
    `s3-prune-as.profile s3-prune-as.role
    destination-s3.ensure s3-ensure.versioning s3-ensure.public-access s3-ensure.mfa-delete s3-ensure.access-logging`,
  ),
};

/** Many places at once whose change is shown by the tests of a kind. */
function atRunTime(file: string, places: string): Record<string, string> {
  return Object.fromEntries(places.split(/\s+/).map((place) => [place, `acts at run time: ${file}`]));
}

/** What the house does for every kind of destination in the same way: shown for one of them. */
const shared = /^(destination-[a-z0-9]+\.(medium|price|quota|slow)|quota|slow)/;

/** Names of secrets that are not there give nothing, whatever they are. */
const absent = /^secrets\/maybe/;

/** Places with one possible value: they say which branch of the schemas is meant. */
const structural = /\.type(=|$)|^plan\.version/;

type Seen = 'refused' | 'silent' | 'rule' | 'changed';

async function look({ plan, base }: Rich, leaf: Leaf, value: unknown): Promise<Seen> {
  const { refused, parts } = await observe(changed(plan, leaf.path, value), temporary.path);
  if (refused) return refused === 'schema' ? 'refused' : 'rule';
  let index = 0;
  for await (const part of parts) if (part !== base[index++]) return 'changed';
  return 'silent';
}

describe('nothing is accepted that does nothing', () => {
  /** Places of the schemas of which a change was seen, `place=value` where values can be counted. */
  const seen = new Set<string>();

  it.each(['files', 'servers'] as const)(
    'some change of every leaf of %s is seen',
    { timeout: 400_000 },
    async (which) => {
      const { plan } = plans[which];
      const sections = ['secrets', 'sources', 'transforms', 'destinations', 'retention'];
      const names = sections.map((key) => Object.keys(plan[key] ?? {}));
      const leaves = leavesOf(plan);
      const silent: { path: string; at: string }[] = [];
      const told = new Set<string>();
      // From the inside out: what holds something that is seen is seen itself.
      for (const leaf of leaves.toReversed()) {
        const path = leaf.path.join('/');
        const values = changesOf(leaf, names);
        // A place of the schemas that was heard elsewhere is heard: `PROOF=full` looks at each leaf of it.
        let heard = told.has(path) || (!full && seen.has(leaf.at));
        let valid = false;
        for (const value of values) {
          const countable = leaf.schema.enum !== undefined || typeof leaf.value === 'boolean';
          // One other text or number is as good as another, and a part that is seen is enough for the whole.
          if (heard && !countable) break;
          const counted = [leaf.value, value].every((one) => seen.has(`${leaf.at}=${String(one)}`));
          if (heard && !full && counted) continue;
          const found = await look(plans[which], leaf, value);
          valid ||= found !== 'refused';
          if (found === 'refused' || found === 'silent') continue;
          heard = true;
          for (const one of [leaf.value, value]) seen.add(`${leaf.at}=${String(one)}`);
        }
        if (heard) {
          seen.add(leaf.at);
          for (const length of leaf.path.keys()) told.add(leaf.path.slice(0, length).join('/'));
        } else if (valid && !Object.hasOwn(quiet, leaf.at) && !absent.test(path)) {
          silent.push({ path, at: leaf.at });
        }
      }
      // The same leaf of the schema may act at one place of a plan, and only at run time at another.
      expect(silent.filter(({ at }) => !seen.has(at))).toEqual([]);
    },
  );

  it('and the schemas have no other leaf', () => {
    const known = (place: string) =>
      structural.test(place) || shared.test(place) || Object.hasOwn(quiet, place.split('=', 1)[0]!);
    expect([...placesOfSchemas()].filter((place) => !seen.has(place) && !known(place))).toEqual([]);
    expect(Object.keys(quiet).filter((place) => seen.has(place))).toEqual([]);
  });
});

describe('what acts only at run time', () => {
  const at = (...names: string[]) => join(temporary.path, 'runs', ...names);
  const small = (name: string, destination: object, rest: object = {}) =>
    writePlan(at(name), {
      version: 1,
      name: 'small',
      backups: {
        text: { source: { type: 'command', run: ['echo', 'text'] }, destinations: [{ type: 'local', ...destination }] },
      },
      ...rest,
    });
  beforeAll(() => {
    for (const name of ['modes', 'plain', 'mount', 'signed']) mkdirSync(at(name), { recursive: true });
  });

  /** Modes of what lies at a destination, but for its top folder. */
  const modesBelow = (path: string) => {
    const found = { files: new Set<string>(), directories: new Set<string>() };
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      const mode = (statSync(join(entry.parentPath, entry.name)).mode & 0o777).toString(8).padStart(4, '0');
      found[entry.isDirectory() ? 'directories' : 'files'].add(mode);
    }
    return { files: [...found.files], directories: [...found.directories] };
  };

  it.each([
    ['plain', {}, { files: ['0600'], directories: ['0700'] }],
    ['modes', { files: '0640' }, { files: ['0640'], directories: ['0700'] }],
    ['modes', { directories: '0750' }, { files: ['0600'], directories: ['0750'] }],
  ])('modes: %s %j', async (name, modes, expected) => {
    const path = at(name, Object.keys(modes).join('-') || 'none');
    const plan = small(name, { path, ...(name === 'plain' ? {} : { modes }) });
    const { exitCode, stderr } = await runner(['apply', plan]);
    expect(exitCode, stderr).toBe(0);
    expect(modesBelow(path)).toEqual(expected);
  });

  it('mount: required refuses a folder of the root disk', async () => {
    const free = await runner(['apply', small('mount', { path: at('mount', 'main') })]);
    expect(free.exitCode, free.stderr).toBe(0);
    const plan = small('mount', { path: '/runner-is-not-mounted-here', mount: 'required' });
    const { exitCode, stderr } = await runner(['apply', plan]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('is not mounted');
    expect(existsSync('/runner-is-not-mounted-here')).toBe(false);
  });

  it('id says whose the folder is', async () => {
    const plan = (id: string, backup: string) => {
      const source = { type: 'command', run: ['echo', 'text'] };
      const backups = { [backup]: { source, destinations: [{ type: 'local', path: at('owned', 'main') }] } };
      return writePlan(at('owned'), { version: 1, name: 'small', id, backups }, `${id}-${backup}.yaml`);
    };
    mkdirSync(at('owned'), { recursive: true });
    expect((await runner(['apply', plan('first', 'text')])).exitCode).toBe(0);
    const other = await runner(['apply', plan('second', 'text')]);
    expect(other.exitCode).toBe(4);
    expect(other.stderr).toContain('belongs to another plan (id "first", this one is "second")');
    expect((await runner(['apply', plan('first', 'renamed')])).exitCode).toBe(0);
  });

  it.each([
    ['1h', 0],
    ['1s', 1],
  ])('expect: { max-age: %s } is what doctor goes by', async (age, expected) => {
    const plan = at('aged', `${age}.yaml`);
    mkdirSync(at('aged'), { recursive: true });
    const source = { type: 'command', run: ['echo', 'text'] };
    const backup = { source, destinations: [{ type: 'local', path: at('aged', age) }], expect: { 'max-age': age } };
    writePlan(at('aged'), { version: 1, name: 'small', backups: { text: backup } }, `${age}.yaml`);
    expect((await runner(['apply', plan])).exitCode).toBe(0);
    await sleep(1100);
    const { exitCode, stdout } = await runner(['doctor', plan]);
    expect(exitCode, stdout).toBe(expected);
    expect(stdout.includes('is older')).toBe(expected === 1);
  });

  it.skipIf(!has('ssh-keygen'))('signing: public is the key that manifests are checked with', async () => {
    for (const name of ['right', 'wrong'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('signed', name)]);
    const signing = (name: string) => ({
      secrets: { key: { file: at('signed', 'right') } },
      signing: { key: { secret: 'key' }, public: at('signed', `${name}.pub`) },
    });
    const destination = { path: at('signed', 'main') };
    const made = await runner(['apply', small('signed', destination, signing('right'))]);
    expect(made.exitCode, made.stderr).toBe(0);
    const restore = (plan: string, to: string) =>
      runner(['restore', plan, 'text', '--latest', '--to', at('signed', to)]);
    const right = await restore(small('signed', destination, signing('right')), 'one');
    expect(right.exitCode, right.stderr).toBe(0);
    const wrong = await restore(small('signed', destination, signing('wrong')), 'two');
    expect(wrong.exitCode).not.toBe(0);
    expect(existsSync(at('signed', 'two'))).toBe(false);
  });
});
