/** An artifact on its way: its objects wait in a repository of their own until they are wanted. */
import { rm, stat } from 'node:fs/promises';
import type { Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { adoptAttempt, attemptFolder, makeAttempt } from './cache.ts';
import { Importer } from './import.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import type { Git } from './program.ts';
import type { Suspicion } from './secrets/scan.ts';

type Claim = (tree: string, size: number) => Promise<void>;

export async function openSink(
  name: string,
  git: Git,
  key: string,
  attempt: string,
  options: IntakeOptions,
  claim: Claim,
): Promise<Sink> {
  const folder = attemptFolder(git, key, attempt);
  await makeAttempt(git, folder);
  const importer = await Importer.start(git.in(folder));
  return new GitSink(name, git, folder, importer, new Intake(importer, options), claim);
}

class GitSink implements Sink {
  private state: 'open' | 'prepared' | 'published' | 'broken' = 'open';
  private tree = '';

  constructor(
    private readonly name: string,
    private readonly git: Git,
    private readonly folder: string,
    private readonly importer: Importer,
    private readonly intake: Intake,
    private readonly claim: Claim,
  ) {}

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', async () => {
      for (const { buffer, byteOffset, length } of batch)
        await this.intake.take(Buffer.from(buffer, byteOffset, length));
    });
  }

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'make durable', async () => {
      const { intake } = this;
      const cut = await intake.finish();
      if (cut) throw new RunnerError(`Destination ${this.name}: the archive ends in ${cut}; nothing of it is kept.`);
      if (intake.suspicions.length + intake.refused.length > 0)
        throw refusal(this.name, intake.suspicions, intake.refused);
      this.tree = await this.importer.finish(intake.pieces, intake.files);
      this.state = 'prepared';
      return { size: intake.size };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      if (!(await stat(this.folder).catch(() => null)))
        throw new RunnerError(`Destination ${this.name}: this attempt was given up by another run.`);
      await adoptAttempt(this.git, this.folder);
      await this.claim(this.tree, this.intake.size);
      this.state = 'published';
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.importer.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new Error(`a sink that is ${this.state} cannot ${doing}`);
    try {
      return await act();
    } catch (error) {
      this.state = 'broken';
      throw error;
    }
  }
}

const shownFindings = 10;

/** Names files, lines and kinds, never what stands there. */
function refusal(name: string, suspicions: readonly Suspicion[], refused: readonly string[]): RunnerError {
  const places = [
    ...suspicions.map(({ path, line, kind }) => `${printable(path)}${line > 0 ? `:${line}` : ''} (${kind})`),
    ...refused.map((path) => `${printable(path)} (in "refuse")`),
  ];
  const more = places.length > shownFindings ? ` and ${places.length - shownFindings} more` : '';
  const remedy =
    'Exclude these files at the source, or, where one is harmless, name it in "allow-secrets" with the reason.';
  return new RunnerError(
    `Destination ${name} refuses this backup, because what comes into a history stays in it: ${places.slice(0, shownFindings).join(', ')}${more}. ${remedy}`,
  );
}

const printable = (path: string): string => path.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 200);
