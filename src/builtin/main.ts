/**
 * `runner-builtin`: small filters of our own, standard input to standard output, for what no stock program does or where
 * the stock program is missing. Exit 0, or 1 with one line on standard error; 141 when nobody reads any more.
 */
import { Failure } from './failure.ts';

type Program = (args: string[]) => Promise<void> | void;

const programs: Record<string, () => Promise<Program>> = {
  gzip: async () => (await import('./gzip.ts')).gzip,
  gunzip: async () => (await import('./gzip.ts')).gunzip,
  'aes-encrypt': async () => (await import('./aes.ts')).encrypt,
  'aes-decrypt': async () => (await import('./aes.ts')).decrypt,
  'sqlite-copy': async () => (await import('./sqlite.ts')).copy,
  'sqlite-query': async () => (await import('./sqlite.ts')).query,
  'redis-check': async () => (await import('./redis.ts')).check,
  mongo: async () => (await import('./mongo.ts')).mongo,
  'mongo-archive': async () => (await import('./mongo-archive.ts')).mongoArchive,
  expand: async () => (await import('./expand.ts')).expand,
  count: async () => (await import('./count.ts')).count,
  receive: async () => (await import('./receive.ts')).receive,
  save: async () => (await import('./save.ts')).save,
};

async function main([name = '', ...args]: string[]): Promise<void> {
  const load = Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (!load) throw new Failure(`no such program; there are: ${Object.keys(programs).join(', ')}`);
  const program = await load();
  await program(args);
}

function fail(error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EPIPE') process.exit(141);
  const line = String(message ?? error).replace(/\s*\n\s*/g, ' ');
  process.stderr.write(`runner-builtin ${process.argv[2] ?? ''}: ${line}\n`);
  process.exit(1);
}

process.stdout.on('error', fail);
try {
  await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
