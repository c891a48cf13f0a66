// A stream of unknown length to an S3 server on loopback, and back: the runner's own destination against `rclone rcat` and
// the SDK's lib-storage, each a process of its own; wall time and the largest memory of the process, by /usr/bin/time.
// usage: node bench/s3.mjs [--gigabytes 4] [--runs 7] [--server minio|versitygw] [--parts 16] [--concurrency 4]
// lib-storage is measured only where it is installed: npm install --no-save @aws-sdk/lib-storage
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep, median, option, promise, root, work } from './measure.mjs';

const word = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : process.argv[at + 1];
};
const bytes = option('gigabytes', 4) * 1e9;
const runs = option('runs', 7);
const engine = word('server', 'minio');
const folder = join(work, 's3');
rmSync(folder, { recursive: true, force: true });
mkdirSync(join(folder, 'data'), { recursive: true });
const keys = { id: 'bench', secret: randomBytes(12).toString('hex') };

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = server.address();
    server.close(() => resolve(free));
  });
});
const host = `127.0.0.1:${port}`;
const program = (name) =>
  [process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test', '']
    .map((place) => (place ? join(place, 'bin', name) : name))
    .find((path) => !path.includes('/') || existsSync(path));
const words = {
  minio: ['server', '--quiet', '--address', host, join(folder, 'data')],
  versitygw: ['--port', host, '--quiet', 'posix', join(folder, 'data')],
}[engine];
// Whatever ends this process ends the server: two at one folder would sweep each other's uploads.
process.on('exit', () => server.kill('SIGKILL'));
const server = spawn(program(engine), words, {
  stdio: 'ignore',
  env: {
    PATH: process.env.PATH,
    HOME: folder,
    MINIO_ROOT_USER: keys.id,
    MINIO_ROOT_PASSWORD: keys.secret,
    MINIO_BROWSER: 'off',
    MINIO_UPDATE: 'off',
    ROOT_ACCESS_KEY: keys.id,
    ROOT_SECRET_KEY: keys.secret,
  },
});

// What every contender is: a process that reads standard input, or writes standard output.
const env = {
  PATH: process.env.PATH,
  HOME: folder,
  AWS_ACCESS_KEY_ID: keys.id,
  AWS_SECRET_ACCESS_KEY: keys.secret,
  AWS_REGION: 'us-east-1',
  BENCH_ENDPOINT: `http://${host}`,
  RCLONE_CONFIG: join(folder, 'rclone.conf'),
  RCLONE_S3_PROVIDER: engine === 'minio' ? 'Minio' : 'Other',
  RCLONE_S3_ENV_AUTH: 'true',
  RCLONE_S3_ENDPOINT: `http://${host}`,
  RCLONE_S3_REGION: 'us-east-1',
};
writeFileSync(env.RCLONE_CONFIG, '');

const ours = `
import { pathToFileURL } from 'node:url';
import { s3 } from ${JSON.stringify(join(folder, 's3', 'index.js'))};
const [act, key] = process.argv.slice(2);
const spec = { bucket: 'bench', endpoint: process.env.BENCH_ENDPOINT, 'part-size': '${option('parts', 16)}MiB', concurrency: ${option('concurrency', 4)} };
const store = await s3.open('bench', spec, { readSecret: async () => '', environment: process.env, purpose: 'use' });
const { pump } = await import(${JSON.stringify(join(folder, 'pump', 'pump.js'))});
if (act === 'put') {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  const sink = await store.put(key, 'bench');
  await pump(process.stdin, (batch) => sink.write(batch), { signal: new AbortController().signal, onChunk: (chunk) => hash.update(chunk) });
  await sink.prepare();
  await sink.publish();
} else if (act.startsWith('get')) {
  const { createHash } = await import('node:crypto');
  const { spawn } = await import('node:child_process');
  const { once } = await import('node:events');
  const { send } = await import(${JSON.stringify(join(folder, 'pump', 'pump.js'))});
  const hash = createHash('sha256');
  // A restore feeds the next program through a socket, not through a pipe.
  const next = spawn('cat', { stdio: ['pipe', 'inherit', 'inherit'] });
  await pump(await store.get(key), (batch) => send(next.stdin, batch), { signal: new AbortController().signal, onChunk: (chunk) => act === 'get' && hash.update(chunk) });
  next.stdin.end();
  await once(next, 'close');
} else await store.client.s3.createBucket({ Bucket: 'bench' });
await store.close();
`;
writeFileSync(join(folder, 'ours.mjs'), ours);
for (const [source, name] of [
  ['src/destinations/s3/index.ts', 's3'],
  ['src/execute/pump.ts', 'pump'],
]) {
  const built = spawnSync(
    join(root, 'node_modules/.bin/rolldown'),
    [
      join(root, source),
      '--platform',
      'node',
      '--external',
      '@aws-sdk/client-s3',
      '--external',
      '@aws-sdk/credential-providers',
      '--dir',
      join(folder, name),
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stderr);
}
const library = `
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
const client = new S3Client({ endpoint: process.env.BENCH_ENDPOINT, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
await new Upload({ client, params: { Bucket: 'bench', Key: process.argv[3], Body: process.stdin }, partSize: 16 * 2 ** 20, queueSize: 4 }).done();
`;
writeFileSync(join(folder, 'library.mjs'), library);
const hasLibrary = existsSync(join(root, 'node_modules/@aws-sdk/lib-storage'));

// As src/cli.ts starts V8, for the others, too.
const node = (script, ...rest) => [process.execPath, '--no-incremental-marking', join(folder, script), ...rest];
const puts = {
  ours: (key) => node('ours.mjs', 'put', key),
  'rclone rcat': (key) => [
    'rclone',
    'rcat',
    '--s3-chunk-size',
    '16M',
    '--s3-upload-concurrency',
    '4',
    `:s3:bench/${key}`,
  ],
  ...(hasLibrary ? { 'lib-storage': (key) => node('library.mjs', 'put', key) } : {}),
};
const gets = {
  ours: (key) => node('ours.mjs', 'get', key),
  // Rclone's `cat` compares nothing, a restore does.
  'ours without the hash': (key) => node('ours.mjs', 'get-unhashed', key),
  'rclone cat': (key) => ['rclone', 'cat', `:s3:bench/${key}`],
  'rclone copyto': (key) => [
    'rclone',
    'copyto',
    '--multi-thread-streams',
    '4',
    `:s3:bench/${key}`,
    join(folder, 'copy'),
  ],
};

/** Runs a contender between a producer and a consumer. Seconds and the largest memory in MB. */
async function timed(argv, { from, to }) {
  const began = performance.now();
  const line = `${from ? `${from} | ` : ''}/usr/bin/time -f '%M' "$@"${to ? ` | ${to}` : ''}`;
  const child = spawn('bash', ['-o', 'pipefail', '-c', line, 'bash', ...argv], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${said}`);
  return { seconds: (performance.now() - began) / 1000, memory: Number(said.trim().split('\n').at(-1)) / 1000 };
}

const loadBefore = loadavg()[0];
const empty = (contenders) => Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
const results = { put: empty(puts), get: empty(gets) };
try {
  for (let tries = 0; tries < 100; tries += 1) {
    if (
      await timed(node('ours.mjs', 'create'), {}).then(
        () => true,
        () => false,
      )
    )
      break;
    await sleep(100);
  }
  // Pseudo-random and fast: AES of zeros.
  const producer = `head -c ${bytes} /dev/zero | openssl enc -aes-128-ctr -pass pass:bench -nosalt -pbkdf2 2>/dev/null`;
  const told = (name, list) => {
    const seconds = median(list.map((one) => one.seconds));
    console.log(
      `${name}: ${seconds.toFixed(2)} s, ${(bytes / seconds / 1e6).toFixed(0)} MB/s, ${Math.max(...list.map((one) => one.memory)).toFixed(0)} MB`,
    );
  };
  for (let run = 0; run < runs; run += 1)
    for (const [name, argv] of Object.entries(puts)) {
      // Each writes a fresh object, and only the last one of ours stays to be read.
      const key = `${name.replace(/\W/g, '-')}-${run}`;
      results.put[name].push(await timed(argv(key), { from: producer }));
      if (key !== 'ours-0') spawnSync('rclone', ['deletefile', `:s3:bench/${key}`], { env });
    }
  for (const [name, list] of Object.entries(results.put)) told(`put, ${name}`, list);
  for (let run = 0; run < runs; run += 1)
    for (const [name, argv] of Object.entries(gets)) {
      // What is there already would not be copied again.
      rmSync(join(folder, 'copy'), { force: true });
      results.get[name].push(await timed(argv('ours-0'), name.endsWith('copyto') ? {} : { to: 'cat >/dev/null' }));
    }
  for (const [name, list] of Object.entries(results.get)) told(`get, ${name}`, list);
  const seconds = (kind, name) => median(results[kind][name].map((one) => one.seconds));
  const best = (kind) =>
    Math.min(
      ...Object.keys(results[kind])
        .filter((name) => !name.startsWith('ours'))
        .map((name) => seconds(kind, name)),
    );
  promise('put, times the best of the others', seconds('put', 'ours') / best('put'), 1 / 0.95);
  promise('get, times the best of rclone', seconds('get', 'ours') / best('get'), 1 / 0.95);
  for (const kind of ['put', 'get'])
    promise(`${kind}, largest memory`, Math.max(...results[kind].ours.map((one) => one.memory)), 160, ' MB');
  keep('s3', loadBefore, { engine, bytes, results });
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
