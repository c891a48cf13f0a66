/** What is asked of the repository elsewhere: where its refs are, their objects, and to move them on. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import { gitFault } from './faults.ts';
import type { Git } from './program.ts';

/** Ids of the commits that the two refs are at; null where there is no such ref yet. */
export type Tips = { state: string | null; branch: string | null };

export type RemoteRefs = { state: string; branch: string };

const raced =
  /fetch first|non-fast-forward|stale info|failed to update ref|cannot lock ref|incorrect old value|already exists|atomic transaction failed/i;
const refused = /hook declined|protected|denied|prohibited|refusing/i;

export class Remote {
  private isAtomic = true;

  constructor(
    private readonly name: string,
    private readonly git: Git,
    private readonly repository: string,
    private readonly refs: RemoteRefs,
    private readonly handle: string,
  ) {}

  async tips(): Promise<Tips> {
    const { state, branch } = this.refs;
    const here = await looseRefs(this.repository, [state, branch]);
    if (here) return { state: here[0]!, branch: here[1]! };
    const { ok, stdout, stderr } = await this.git.run(['ls-remote', '--', this.repository, state, branch]);
    if (!ok) throw gitFault(this.name, 'read', this.repository, stderr);
    const ids = new Map(stdout.split('\n').map((line) => [line.split('\t')[1], line.split('\t')[0]!]));
    return { state: ids.get(state) ?? null, branch: ids.get(branch) ?? null };
  }

  /** Brings the objects of the refs that there are; says where those refs are by then. */
  async fetch(there: Tips): Promise<Tips> {
    const own = (['state', 'branch'] as const).filter((which) => there[which] !== null);
    if (own.length === 0) return there;
    const specs = own.map((which) => `+${this.refs[which]}:${this.localRef(which)}`);
    const words = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', this.repository, ...specs];
    const { ok, stderr } = await this.git.run(words);
    if (!ok) throw gitFault(this.name, 'read', this.repository, stderr);
    const tips: Tips = { state: null, branch: null };
    for (const which of own) {
      tips[which] = await this.git.line(['rev-parse', '--verify', `${this.localRef(which)}^{commit}`]);
      if (tips[which] === null)
        throw new RunnerError(`Destination ${this.name}: ${this.refs[which]} is no commit there.`);
    }
    return tips;
  }

  localRef(which: 'state' | 'branch'): string {
    return `refs/handles/${this.handle}/${which}`;
  }

  /**
   * Moves the refs on to commits that follow where they were, never by force: somebody else's commit in between makes it `raced`.
   * Both move or none, where the server can do that. `unknown`: the connection broke, and only a look there tells.
   */
  async push(to: Partial<Record<'state' | 'branch', string>>): Promise<'done' | 'raced' | { unknown: RunnerError }> {
    const specs = (['branch', 'state'] as const).flatMap((which) =>
      to[which] ? [`${to[which]}:${this.refs[which]}`] : [],
    );
    // Where a server cannot, the branch goes first: what makes a backup of it is in the other.
    const steps = specs.length > 1 && !this.isAtomic ? specs.map((spec) => [spec]) : [specs];
    for (const step of steps) {
      const atomic = step.length > 1 ? ['--atomic'] : [];
      const words = ['push', '--porcelain', '--no-verify', ...atomic, '--', this.repository, ...step];
      const { ok, stdout, stderr } = await this.git.run(words);
      if (ok) continue;
      if (/does not support --atomic/.test(stderr)) {
        this.isAtomic = false;
        return await this.push(to);
      }
      const said = stdout
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .join('\n');
      const fault = gitFault(this.name, 'push to', this.repository, `${stderr}\n${said}`);
      if (refused.test(said)) throw fault;
      return raced.test(said) ? 'raced' : { unknown: fault };
    }
    return 'done';
  }

  /** Why nothing can be pushed, as far as that can be tried without pushing; null where it can. Hooks are not asked. */
  async tryPush(): Promise<string | null> {
    const tree = await this.git.run(['hash-object', '-t', 'tree', '-w', '--stdin'], { input: '' });
    const who = ['-c', 'user.name=runner', '-c', 'user.email=runner@localhost'];
    const commit = await this.git.line([...who, 'commit-tree', tree.stdout.trim(), '-m', 'probe']);
    const words = [
      'push',
      '--dry-run',
      '--porcelain',
      '--no-verify',
      '--',
      this.repository,
      `${commit}:${this.refs.state}-probe`,
    ];
    const { ok, stderr } = await this.git.run(words);
    return ok ? null : gitFault(this.name, 'push to', this.repository, stderr).message;
  }

  /** Leaves the cache as the next one wants it: what is known stays known, and it does not grow without end. */
  async leave(tips: Tips | null): Promise<void> {
    const place = createHash('sha256').update(this.refs.state).digest('hex').slice(0, 12);
    const keep = (which: 'state' | 'branch') =>
      tips?.[which] ? [`update refs/kept/${place}/${which} ${tips[which]}\n`] : [];
    const drop = (which: 'state' | 'branch') => `delete ${this.localRef(which)}\n`;
    // Only a convenience: whatever goes wrong here costs the next run some time.
    await this.git.run(['update-ref', '--stdin'], {
      input: [...keep('state'), ...keep('branch'), drop('state'), drop('branch')].join(''),
    });
    await this.git.run(['-c', 'gc.auto=6700', '-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet']);
  }
}

/**
 * The commits of refs by their files, where the repository is a folder here: a run asks dozens of times, and nothing has to be
 * started for that. Null unless each has a file of its own, as they have that were moved since the last `git pack-refs`.
 */
async function looseRefs(repository: string, refs: readonly string[]): Promise<string[] | null> {
  if (!isAbsolute(repository)) return null;
  try {
    const texts = await Promise.all(refs.map((ref) => readFile(join(repository, ref), 'latin1')));
    const ids = texts.map((text) => text.trimEnd());
    return ids.every((id) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id)) ? ids : null;
  } catch {
    return null;
  }
}
