// The data of the benchmarks: files that zstd packs to about 40 %, the same bytes on every machine. Made once.
import { createCipheriv } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { work } from './measure.mjs';

const fileBytes = 10_000_000;
/** Of each block so much is text like a log's, the rest like a picture: bytes that nothing packs. */
const textBytes = 800_000;
const blockBytes = 1_000_000;

const words = 'order payment customer shipped pending refunded invoice cart login error retry'.split(' ');

/** A stream of bytes that looks random and is the same every time. */
function noise(seed) {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(seed);
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), iv);
  return (length) => cipher.update(Buffer.alloc(length));
}

function text(bytes) {
  const random = bytes(textBytes);
  let lines = '';
  for (let at = 0; lines.length < textBytes; at += 16) {
    const second = Math.floor(at / 64);
    const number = random.readUInt32LE(at);
    const word = words[random[at + 4] % words.length];
    const amount = random.readUInt16LE(at + 6) / 100;
    const hash = random.toString('hex', at + 8, at + 14);
    lines += `2026-11-${10 + (second % 20)} ${word} id=${number} amount=${amount} EUR session=${hash} status=ok\n`;
  }
  return Buffer.from(lines).subarray(0, textBytes);
}

/** The directory that holds `bytes` (a multiple of 10 MB) of data. */
export function dataOf(bytes) {
  const directory = join(work, `data-${bytes}`);
  if (existsSync(directory)) return directory;
  const unfinished = `${directory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  for (let file = 0; file < bytes / fileBytes; file++) {
    const random = noise(file);
    const blocks = Array.from({ length: fileBytes / blockBytes }, () =>
      Buffer.concat([text(random), random(blockBytes - textBytes)]),
    );
    writeFileSync(join(unfinished, String(file).padStart(4, '0')), Buffer.concat(blocks));
  }
  renameSync(unfinished, directory);
  return directory;
}
