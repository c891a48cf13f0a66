import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { PourOptions } from '../../../src/execute/intake.ts';
import type { Ended } from '../../../src/execute/launch.ts';
import { pour } from '../../../src/execute/pour.ts';
import { bytesOf, calm, launch, noGuard, shell, temporaryDirectory } from './support.ts';

const plain = Buffer.concat([randomBytes(3_000_000), Buffer.from('\n-- dump complete\n\n')]);
const artifact = gzipSync(plain, { level: 1 });
const gunzip = launch(['gzip', '-d']);
const tail = { text: '-- dump complete', within: 256 };
const sha256 = createHash('sha256').update(artifact).digest('hex');

function options(more: Partial<PourOptions>): PourOptions {
  return {
    source: Readable.from(slices(artifact)),
    decode: [gunzip],
    intake: { discard: true },
    guard: noGuard,
    signal: calm,
    ...more,
  };
}

function* slices(bytes: Buffer) {
  for (let from = 0; from < bytes.length; from += 50_000) yield bytes.subarray(from, from + 50_000);
}

/** A consumer that commits only when it sees a clean end of input: what a database client does. */
function committing(): { directory: string; consume: PourOptions['intake']; committed(): boolean } {
  const directory = temporaryDirectory();
  const consume = { consume: shell(`cat > ${directory}/data && touch ${directory}/committed`) };
  return { directory, consume, committed: () => existsSync(join(directory, 'committed')) };
}

describe('pour', () => {
  test('decodes into a file and counts both sides', async () => {
    const file = join(temporaryDirectory(), 'out');
    let told = 0;
    const poured = await pour(
      options({
        intake: { file, mode: 0o600 },
        tail,
        expected: { size: artifact.length, sha256 },
        onBytes: (bytes) => {
          told += bytes;
        },
      }),
    );
    expect(readFileSync(file).equals(plain)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(poured.artifact).toEqual({ size: artifact.length, sha256 });
    expect(poured.plain).toEqual({ size: plain.length });
    expect(poured.ended.map(({ argv }) => argv[0])).toEqual(['gzip']);
    expect(told).toBe(artifact.length);
  });

  test('feeds a consumer and ends its input when all was right', async () => {
    const { directory, consume, committed } = committing();
    await pour(options({ intake: consume, tail }));
    expect(committed()).toBe(true);
    expect(readFileSync(join(directory, 'data')).equals(plain)).toBe(true);
  });

  test('without decoders the artifact is the plain stream', async () => {
    const { consume, committed } = committing();
    const poured = await pour(options({ source: Readable.from([plain]), decode: [], intake: consume, tail }));
    expect(poured.artifact.size).toBe(plain.length);
    expect(poured.plain.size).toBe(plain.length);
    expect(committed()).toBe(true);
  });

  test('the consumer’s output can be had', async () => {
    const stdout = new PassThrough();
    const printed = bytesOf(stdout);
    await pour(options({ intake: { consume: launch(['wc', '-c']) }, stdout }));
    stdout.end();
    expect((await printed).toString().trim()).toBe(String(plain.length));
  });
});

describe('a consumer never sees the end of', () => {
  const refused = async (more: Partial<PourOptions>, message: RegExp) => {
    const { consume, committed } = committing();
    let ended: Ended[] = [];
    const given = {
      intake: consume,
      onEnded: (all: Ended[]) => {
        ended = all;
      },
      ...more,
    };
    await expect(pour(options(given))).rejects.toThrow(message);
    expect(committed()).toBe(false);
    expect(ended.at(-1)?.fault?.kind).toBe('killed');
  };

  test('an artifact that is cut', async () => {
    const cut = artifact.subarray(0, artifact.length - 100_000);
    await refused({ source: Readable.from(slices(cut)) }, /"gzip" failed with exit code 1: .*unexpected end/);
  });

  test('plain data that is cut where the decoder does not notice', async () => {
    const source = Readable.from([gzipSync(plain.subarray(0, 2_000_000))]);
    await refused({ source, tail }, /not whole: its end lacks the mark "-- dump complete"/);
  });

  test('an archive without its closing zeros', async () => {
    const source = Readable.from([gzipSync(Buffer.concat([plain, Buffer.alloc(1023)]))]);
    await refused({ source, tail: { zeros: 1024 } }, /does not end with the 1024 zero bytes/);
  });

  test('an artifact with one bit flipped', async () => {
    const flipped = Buffer.from(artifact);
    flipped[1_000_000] = (flipped[1_000_000] as number) ^ 1;
    await refused({ source: Readable.from([flipped]) }, /"gzip" failed with exit code 1: .*crc error/);
  });

  test('an artifact that its manifest does not know', async () => {
    await refused({ expected: { size: artifact.length, sha256: '0'.repeat(64) } }, /SHA-256 is not the one/);
    await refused({ expected: { size: 5, sha256 } }, /its manifest says 5/);
    await refused({ source: Readable.from([plain]), decode: [], expected: { size: 5, sha256 } }, /manifest says 5/);
  });

  test('a source that breaks off, and its own error is told', async () => {
    const breaking = async function* () {
      yield artifact.subarray(0, 1_000_000);
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    };
    await refused({ source: Readable.from(breaking()) }, /read ECONNRESET/);
  });

  test('a stream whose decoder fails behind its last byte', async () => {
    await refused({ decode: [shell('gzip -d; echo "bad signature" >&2; exit 2')] }, /"sh" .*code 2: bad signature/);
  });

  test('a decoder that is not there', async () => {
    await refused({ decode: [launch(['no-such-program'])] }, /"no-such-program" was not found/);
  });

  test('an interrupted run', async () => {
    const controller = new AbortController();
    const slow = async function* () {
      yield artifact.subarray(0, 1_000_000);
      controller.abort(new Error('stopped by hand'));
      yield artifact.subarray(1_000_000);
    };
    await refused({ source: Readable.from(slow()), signal: controller.signal }, /stopped by hand/);
  });
});

describe('faults', () => {
  test('a consumer that fails is named, not the decoders that it takes with it', async () => {
    const consume = shell('head -c 1000 >/dev/null; echo "no such table" >&2; exit 3');
    await expect(pour(options({ decode: [gunzip, launch(['cat'])], intake: { consume } }))).rejects.toThrow(
      '"sh" failed with exit code 3: no such table',
    );
  });

  test('a consumer that closes its input and takes its time to fail still gives its own reason', async () => {
    const consume = shell('exec <&-; sleep 0.5; echo "disk full" >&2; exit 4');
    await expect(pour(options({ intake: { consume } }))).rejects.toThrow('"sh" failed with exit code 4: disk full');
  });

  test('a consumer that is content with half has not taken it in', async () => {
    const endless = createReadStream('/dev/zero', { end: 50_000_000 });
    const consume = launch(['head', '-c', '1000']);
    await expect(pour(options({ source: endless, decode: [], intake: { consume } }))).rejects.toThrow(
      '"head" ended before it had read all of its input.',
    );
  });

  test('a consumer that hangs is ended by its timeout', async () => {
    const consume = launch(['sleep', '1000'], { timeout: 0.3 });
    await expect(pour(options({ intake: { consume } }))).rejects.toThrow(/"sleep" was ended: it ran longer/);
  });

  test('a file is removed when anything was wrong, and one that exists is not touched', async () => {
    const file = join(temporaryDirectory(), 'out');
    const cut = Readable.from([artifact.subarray(0, 2_000_000)]);
    await expect(pour(options({ source: cut, intake: { file, mode: 0o600 } }))).rejects.toThrow(/gzip/);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, 'mine');
    await expect(pour(options({ intake: { file, mode: 0o600 } }))).rejects.toThrow(/it exists already/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('a source that has failed before it is read is a rejection', async () => {
    const source = createReadStream('/no/where');
    await new Promise((resolve) => source.once('error', resolve));
    await expect(pour(options({ source }))).rejects.toThrow(/ENOENT/);
  });
});
