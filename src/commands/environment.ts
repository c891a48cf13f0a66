import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { RunnerError } from '../diagnostic.ts';

type Environment = Record<string, string | undefined>;

/** The environment with the variables of `--env-file` below it: what is set outside wins, as in Compose. */
export function readEnvironment(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RunnerError(`the environment file ${file} cannot be read (${code ?? 'unknown'})`, {
      exitCode: 4,
      cause: error,
    });
  }
  return { ...parseEnv(text), ...environment };
}
