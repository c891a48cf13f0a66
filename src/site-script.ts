/** How programs are looked for where only a shell can: at a source's place, in an image. */
import type { ProgramFact } from './kind.ts';

export type Site = {
  programs: Record<string, ProgramFact>;
  /** All that were found by name: those on PATH, then those in the folders of the kind. */
  installed: Record<string, { path: string; version: string }[]>;
  /** It was asked by a shell there. */
  elsewhere?: true;
};

/** `sh -c SCRIPT sh COUNT FOLDER... NAME...`: a line `name<TAB>path<TAB>1` (on PATH) or `0<TAB>version` for each program found. */
export const siteScript = `
count=$1 beside=
shift
while [ "$count" -gt 0 ]; do
  IFS=
  for folder in $1; do [ ! -d "$folder" ] || beside="$beside:$folder"; done
  shift
  count=$((count - 1))
done
set -f
for name in "$@"; do
  listed=1
  IFS=:
  for folder in $PATH . $beside; do
    [ "$folder" != . ] || listed=0
    file=$folder/$name
    case $folder in /*) ;; *) continue ;; esac
    [ -f "$file" ] && [ -x "$file" ] || continue
    flag=--version
    [ "$name" != openssl ] || flag=version
    version=$("$file" $flag 2>/dev/null </dev/null)
    [ -n "$version" ] || version=$("$file" $flag 2>&1 </dev/null)
    echo "$name	$file	$listed	\${version%%
*}"
  done
done
exit 0
`;

export function siteWords(names: readonly string[], folders: readonly string[]): string[] {
  return ['sh', '-c', siteScript, 'sh', String(folders.length), ...folders, ...new Set(names)];
}

export function readSite(names: readonly string[], printed: string): Site {
  const site: Site = { programs: {}, installed: {}, elsewhere: true };
  for (const name of names) {
    site.programs[name] = null;
    site.installed[name] = [];
  }
  for (const line of printed.split('\n')) {
    const [name = '', path = '', listed, version = ''] = line.split('\t');
    const all = site.installed[name];
    if (!all || path === '' || all.some((one) => one.path === path)) continue;
    const found = { path, version: version.trim() };
    all.push(found);
    if (listed === '1') site.programs[name] ??= found;
  }
  return site;
}
