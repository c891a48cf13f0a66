/** What a configuration of rclone says of a remote, as far as a plan has to know. */
import { readFileSync } from 'node:fs';

type Section = Readonly<Record<string, string>>;

/** The sections of a configuration's text; one that is encrypted has none. */
export function sectionsOf(text: string): Record<string, Section> {
  const sections: Record<string, Record<string, string>> = {};
  let section: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const title = /^\s*\[(.+)\]\s*$/.exec(line)?.[1];
    if (title !== undefined) {
      section = {};
      sections[title] = section;
    }
    const [, key, value] = /^\s*([^#;\s=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) section[key] = value!;
  }
  return sections;
}

/** Whether what goes to a remote of these options is sealed before it leaves. */
export function seals(options: Readonly<Record<string, unknown>> | undefined): boolean {
  return options?.type === 'crypt' && String(options.no_data_encryption ?? 'false').toLowerCase() !== 'true';
}

/** The same of a remote in a configuration file; false where it cannot be read. */
export function fileSeals(path: string, remote: string): boolean {
  try {
    return seals(sectionsOf(readFileSync(path, 'utf8'))[remote]);
  } catch {
    return false;
  }
}
