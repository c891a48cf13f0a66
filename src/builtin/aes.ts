/** AES-256-CBC as `openssl enc -aes-256-cbc -pbkdf2` writes and reads it: "Salted__", 8 bytes of salt, the ciphertext. */
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure, numberOption } from './failure.ts';

const magic = Buffer.from('Salted__');
const saltLength = 8;
const headLength = magic.length + saltLength;
const passphraseDescriptor = 3;

function iterationsOf(args: string[]): number {
  return numberOption(args, 'iterations', { least: 1, most: 2 ** 31 - 1 });
}

/** openssl reads the first line only, at most 1,023 bytes, and takes an empty one: refused here, as everywhere. */
function readPassphrase(): Buffer {
  const bytes = readFileSync(passphraseDescriptor);
  if (bytes.length === 0) throw new Failure('the passphrase is empty');
  if (bytes.length > 1023) throw new Failure('the passphrase is longer than the 1,023 bytes that openssl reads');
  if (bytes.includes(0x0a) || bytes.includes(0)) throw new Failure('the passphrase holds a line break or a NUL');
  return bytes;
}

function derive(passphrase: Buffer, salt: Buffer, iterations: number): { key: Buffer; iv: Buffer } {
  const derived = pbkdf2Sync(passphrase, salt, iterations, 48, 'sha256');
  return { key: derived.subarray(0, 32), iv: derived.subarray(32) };
}

export async function encrypt(args: string[]): Promise<void> {
  const salt = randomBytes(saltLength);
  const { key, iv } = derive(readPassphrase(), salt, iterationsOf(args));
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  cipher.push(Buffer.concat([magic, salt]));
  await pipeline(process.stdin, cipher, process.stdout);
}

/** Takes the head off the stream, then hands the rest to a decipher made from it. */
function decipher(passphrase: Buffer, iterations: number): Transform {
  let head = Buffer.alloc(0);
  let opened: ReturnType<typeof createDecipheriv> | null = null;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (opened) return done(null, opened.update(chunk));
      head = Buffer.concat([head, chunk]);
      if (head.length < headLength) return done();
      if (!head.subarray(0, magic.length).equals(magic)) return done(new Failure('bad magic number'));
      const { key, iv } = derive(passphrase, head.subarray(magic.length, headLength), iterations);
      opened = createDecipheriv('aes-256-cbc', key, iv);
      done(null, opened.update(head.subarray(headLength)));
    },
    flush(done) {
      if (!opened) return done(new Failure('unexpected end of file'));
      try {
        done(null, opened.final());
      } catch {
        done(new Failure('bad decrypt: the passphrase is wrong, or the data is damaged'));
      }
    },
  });
}

export async function decrypt(args: string[]): Promise<void> {
  await pipeline(process.stdin, decipher(readPassphrase(), iterationsOf(args)), process.stdout);
}
