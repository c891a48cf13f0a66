/** Archives that a decent tar would not write. */

type Member = { name: string; type?: '0' | '1' | '2' | '5'; link?: string; mode?: number; body?: string };

/** A ustar archive with its two blocks of zeros at the end. */
export function tarOf(members: Member[]): Buffer {
  const blocks = members.flatMap((member) => {
    const body = Buffer.from(member.body ?? '');
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
    return [headerOf(member, body.length), body, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function headerOf({ name, type = '0', link = '', mode = 0o644 }: Member, size: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0, 100);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
