/** Headers of tar members: ustar as POSIX.1-1988 has it, and GNU's binary number where a size has more than eleven octal digits. */

export type TarMember = { type: 'file' | 'directory'; size: number; mtime: Date };

const largestOctal = 8 ** 11 - 1;

/** The 512 bytes before a member. `name` has at most 100 bytes; files are 0600, folders 0700, and belong to nobody in particular. */
export function tarHeader(name: string, { type, size, mtime }: TarMember): Buffer {
  const header = Buffer.alloc(512);
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long a name for this archive`);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  header.write(name, 0);
  octal(type === 'file' ? 0o600 : 0o700, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (size <= largestOctal) octal(size, 124, 11);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(Math.floor(mtime.getTime() / 1000), 136, 11);
  header.fill(' ', 148, 156);
  header.write(type === 'file' ? '0' : '5', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
