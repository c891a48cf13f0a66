/** Which paths lie on a file system whose server may fall silent: by the kernel's table of mounts, without touching what may hang. */
import { readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { mountsIn } from './mount-table.ts';

/** Types whose operations wait for somebody else. `fuse` and `fuse.*` are programs, but `fuseblk` is a disk. */
const network =
  /^(nfs4?|cifs|smb3|smbfs|ncpfs|9p|virtiofs|vboxsf|ceph|afs|lustre|gpfs|beegfs|orangefs|glusterfs|fuse(\..+)?)$/;

/** The type of the network file system on which a path lies, or null: a disk, or a system without such a table. */
export function networkType(path: string): string | null {
  try {
    return networkTypeIn(readFileSync('/proc/self/mountinfo', 'utf8'), path);
  } catch {
    return null;
  }
}

/** Exported for its test: `table` is the text of /proc/self/mountinfo. Links on the way are followed up to the first such mount. */
export function networkTypeIn(table: string, path: string, links = 40): string | null {
  const mounts = new Map(mountsIn(table).map(({ point, type }) => [point, type]));
  const parts = resolve(path).split('/').slice(1);
  for (let at = '/', index = 0; ; at = join(at, parts[index]!), index += 1) {
    const type = mounts.get(at);
    // Where the root itself is such, nothing could be left behind.
    if (at !== '/' && type !== undefined && network.test(type)) return type;
    const target = at === '/' ? null : targetOf(at);
    if (target !== null && links > 0)
      return networkTypeIn(table, join(resolve(dirname(at), target), ...parts.slice(index)), links - 1);
    if (index >= parts.length) return null;
  }
}

function targetOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
