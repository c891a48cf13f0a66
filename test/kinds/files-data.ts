import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Names are bytes. */
export const strange = Buffer.from([0x62, 0xff, 0xfe, 0x63]);

/** A folder with everything that file systems allow and archives lose. */
export function makeTree(root: string): string {
  mkdirSync(join(root, 'empty'), { recursive: true });
  mkdirSync(join(root, 'deep/er'), { recursive: true });
  const names = [
    'plain',
    '-leading',
    ' space ',
    'new\nline',
    'back\\nslash',
    'quo\'te"',
    'ümläut',
    '[1] glob *',
    '.hidden',
  ];
  for (const name of names) writeFileSync(join(root, name), `content of ${name}`);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), strange]), 'not UTF-8');
  writeFileSync(join(root, 'deep/er/file'), 'x'.repeat(100_000));
  writeFileSync(join(root, 'sparse'), 'begin');
  truncateSync(join(root, 'sparse'), 8 * 1024 * 1024);
  writeFileSync(join(root, 'nothing'), '');
  linkSync(join(root, 'plain'), join(root, 'hard'));
  symlinkSync('plain', join(root, 'soft'));
  symlinkSync('/etc/hostname', join(root, 'absolute'));
  symlinkSync('nowhere', join(root, 'dangling'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  return root;
}

/** Everything below a folder as text: names, types, sizes, links, contents. */
export function describeTree(root: string): string {
  const lines: string[] = [];
  const visit = (folder: Buffer, prefix: string) => {
    for (const name of readdirSync(folder, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      const shown = `${prefix}${name.toString('latin1')}`;
      const stat = lstatSync(path);
      if (stat.isDirectory()) {
        lines.push(`${JSON.stringify(shown)} folder`);
        visit(path, `${shown}/`);
      } else if (stat.isSymbolicLink()) lines.push(`${JSON.stringify(shown)} -> ${readlinkSync(path)}`);
      else if (stat.isFile())
        lines.push(
          `${JSON.stringify(shown)} file ${stat.nlink} ${stat.size} ${readFileSync(path).toString('base64').slice(0, 400)}`,
        );
      else lines.push(`${JSON.stringify(shown)} special`);
    }
  };
  visit(Buffer.from(root), '');
  return lines.join('\n');
}
