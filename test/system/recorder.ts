/** Every program on PATH behind a wrapper that writes down what it was called with, and then becomes the real one. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';
import { built, type Finished, finished, type StartOptions, start } from '../helpers/runner.ts';

const root = resolve(import.meta.dirname, '..', '..');

/** One start of a program. `direct`: by the program under test itself, not by what it had started. */
export type Call = { argv: string[]; direct: boolean };

export type Recorder = {
  /** Runs `runner ...words` with the wrapped programs and returns what was started. */
  run(words: string[], options?: StartOptions): Promise<Finished & { calls: Call[] }>;
};

/** Makes the wrappers, and a copy of the built program whose `runner-builtin` writes down its calls too. */
export async function makeRecorder(directory: string): Promise<Recorder> {
  const calls = join(directory, 'calls');
  const bin = join(directory, 'bin');
  const PATH = process.env.PATH ?? '';
  mkdirSync(calls);
  wrapPrograms(bin, calls, PATH);
  const program = await copyProgram(join(directory, 'package'), calls);
  return {
    run: async (words, options = {}) => {
      rmSync(calls, { recursive: true });
      mkdirSync(calls);
      // Nothing but the wrappers: what is not wrapped cannot be found.
      const child = start(process.execPath, ['--', program, ...words], {
        ...options,
        env: { ...options.env, PATH: bin },
      });
      const end = await finished(child, options.input);
      return { ...end, calls: readCalls(calls, String(child.pid)) };
    },
  };
}

/**
 * One script under the name of every program. It starts nothing by itself. A file for each process id: `nice` becomes the
 * program that it was told to start, so one process may be several calls, one after the other.
 */
function wrapPrograms(bin: string, calls: string, path: string): void {
  mkdirSync(bin);
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder) && existsSync(folder));
  const looked = folders.map((folder) => `[ -x '${folder}'/"$name" ] && exec '${folder}'/"$name" "$@"`);
  const script = [
    '#!/bin/sh',
    'name=' + '${' + '0##*/}',
    `printf '%s\\0' "$PPID" "$#" "$0" "$@" >> '${calls}'/$$`,
    ...looked,
    'exit 127',
  ];
  const wrapper = join(bin, '.wrapper');
  writeFileSync(wrapper, `${script.join('\n')}\n`, { mode: 0o755 });
  for (const name of new Set(folders.flatMap((folder) => readdirSync(folder)))) symlinkSync(wrapper, join(bin, name));
}

async function copyProgram(to: string, calls: string): Promise<string> {
  await built();
  mkdirSync(to);
  cpSync(join(root, 'dist'), join(to, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(to, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  renameSync(join(to, 'dist', 'builtin.js'), join(to, 'dist', 'builtin-itself.js'));
  const recording = `import { appendFileSync } from 'node:fs';
const words = process.argv.slice(2);
const record = [process.ppid, words.length, 'runner-builtin', ...words].map((word) => word + '\\0').join('');
appendFileSync(${JSON.stringify(calls)} + '/' + process.pid, record);
await import('./builtin-itself.js');
`;
  writeFileSync(join(to, 'dist', 'builtin.js'), recording);
  return join(to, 'dist', 'cli.js');
}

function readCalls(calls: string, runner: string): Call[] {
  return readdirSync(calls).flatMap((process) => {
    const words = readFileSync(join(calls, process), 'utf8').split('\0').slice(0, -1);
    const found: Call[] = [];
    for (let at = 0; at < words.length; ) {
      const [parent, count, program] = words.slice(at, at + 3) as [string, string, string];
      const argv = [basename(program), ...words.slice(at + 3, at + 3 + Number(count))];
      found.push({ argv: asNamed(argv), direct: parent === runner && found.length === 0 });
      at += 3 + Number(count);
    }
    return found;
  });
}

/** Our own filters have a name in graphs only: behind `nice` they are started as what they are. */
function asNamed(argv: string[]): string[] {
  const at = argv.findIndex((word, index) => word.endsWith('/dist/builtin.js') && argv[index - 1] === process.execPath);
  return at === -1 ? argv : [...argv.slice(0, at - 1), 'runner-builtin', ...argv.slice(at + 1)];
}
