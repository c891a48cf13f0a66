// A file to and from an SFTP server on loopback: the driver alone and a whole `runner apply`, against OpenSSH's `sftp` and `scp`.
// Wants root, who may start an sshd. usage: node bench/sftp.mjs [--megabytes 1000] [--runs 5]
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli, keep, median, option, root, work } from './measure.mjs';

const megabytes = option('megabytes', 1000);
const home = join(work, 'sftp');
const at = (name) => join(home, name);
rmSync(home, { recursive: true, force: true });
for (const name of ['', 'shelf']) mkdirSync(at(name), { recursive: true });

/** Bytes that nothing can pack: ssh does not try by default, but a configuration may tell it to. */
function makeData() {
  const file = openSync(at('data'), 'w');
  const block = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)));
  for (let index = 0; index < (megabytes * 1_000_000) / 65_536; index++) writeSync(file, block);
  closeSync(file);
}

async function startSshd() {
  for (const name of ['host', 'client']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  writeFileSync(at('known'), `[127.0.0.1]:${port} ${readFileSync(at('host.pub'), 'utf8')}`);
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('client.pub')}`,
    `PidFile ${at('pid')}`,
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp',
  ];
  writeFileSync(at('config'), `${lines.join('\n')}\n`);
  mkdirSync('/run/sshd', { recursive: true });
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', at('config')], { stdio: 'ignore' });
  while (!existsSync(at('pid'))) await sleep(20);
  return { port, end: () => child.kill() };
}

/** The driver as a program of its own: put or get, with nothing around it. */
function bundle() {
  const script = `
    import { createReadStream } from 'node:fs';
    import { sftp } from ${JSON.stringify(join(root, 'src/destinations/sftp/index.ts'))};
    const [spec, act, file] = process.argv.slice(2);
    const store = await sftp.open('nas', JSON.parse(spec), { environment: process.env });
    if (act === 'put') {
      await store.remove('big');
      const sink = await store.put('big', 'bench');
      for await (const chunk of createReadStream(file, { highWaterMark: 131072 })) await sink.write([chunk]);
      await sink.prepare();
      await sink.publish();
    } else for await (const chunk of await store.get('big'));
    await store.close();
    console.error(process.resourceUsage().maxRSS);`;
  writeFileSync(at('driver.ts'), script);
  const rolldown = join(root, 'node_modules', '.bin', 'rolldown');
  execFileSync(rolldown, [at('driver.ts'), '--platform', 'node', '-d', at('driver')], { stdio: 'ignore' });
  return at('driver/driver.js');
}

function seconds(program, words, options = {}) {
  const began = performance.now();
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8', ...options });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
  return { seconds: (performance.now() - began) / 1000, stderr };
}

makeData();
const server = await startSshd();
const driver = bundle();
const { port } = server;
const spec = {
  host: '127.0.0.1',
  port,
  user: 'root',
  key: at('client'),
  'known-hosts': at('known'),
  path: at('shelf'),
};
const plan = {
  version: 1,
  name: 'bench',
  destinations: { nas: { type: 'sftp', ...spec } },
  backups: {
    data: {
      source: { type: 'command', run: ['cat', at('data')] },
      destinations: ['nas'],
      retention: { last: 1 },
      verify: [],
      allow: { 'no-restore-test': 'a benchmark' },
    },
  },
};
writeFileSync(at('plan.yaml'), JSON.stringify(plan));
const trust = ['-q', '-P', String(port), '-i', at('client'), '-o', `UserKnownHostsFile=${at('known')}`];
const there = 'root@127.0.0.1';
const batch = (line) => ['sftp', [...trust, '-b', '-', there], { input: `${line}\n` }];
const ways = {
  'put: driver': [process.execPath, [driver, JSON.stringify(spec), 'put', at('data')]],
  'put: sftp -f (with fsync)': batch(`put -f ${at('data')} ${at('by-sftp')}`),
  'put: sftp': batch(`put ${at('data')} ${at('by-sftp')}`),
  'put: scp': ['scp', [...trust, at('data'), `${there}:${at('by-scp')}`]],
  'put: runner apply': [process.execPath, ['--', cli, 'apply', at('plan.yaml')]],
  'get: driver': [process.execPath, [driver, JSON.stringify(spec), 'get']],
  'get: sftp': batch(`get ${at('by-sftp')} /dev/null`),
  'get: scp': ['scp', [...trust, `${there}:${at('by-sftp')}`, '/dev/null']],
};
const loadBefore = loadavg()[0];
const runs = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
const memory = [];
try {
  for (let round = 0; round < option('runs', 5); round++) {
    for (const [name, way] of Object.entries(ways)) {
      const one = seconds(...way);
      runs[name].push(one.seconds);
      if (name.endsWith('driver')) memory.push(Number(one.stderr.trim()) / 1024);
      // What one has left to be written must not be the next one's burden.
      spawnSync('sync');
    }
  }
} finally {
  server.end();
}
for (const [name, all] of Object.entries(runs)) {
  const middle = median(all);
  const rate = megabytes / middle;
  console.log(
    `${name.padEnd(26)} ${middle.toFixed(2)} s  ${rate.toFixed(0)} MB/s  (${all.map((one) => one.toFixed(2)).join(' ')})`,
  );
}
console.log(`the driver's process at its largest: ${Math.max(...memory).toFixed(0)} MiB`);
keep('sftp', loadBefore, { megabytes, seconds: runs, memory });
rmSync(home, { recursive: true, force: true });
