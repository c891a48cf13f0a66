/** What SHOW GRANTS says a user may do. */

export type Grant = { revoked: boolean; privileges: Set<string>; database: string | null; object: string | null };

const scope = '(\\*|`(?:[^`]|``)*`)';
const form = new RegExp(`^(GRANT|REVOKE) (.+?) ON (?:TABLE |PROCEDURE |FUNCTION )?${scope}\\.${scope} (?:TO|FROM) `);

/** Null for what is no privilege on data: roles, PROXY. `database` may hold wildcards, as GRANT writes them. */
export function readGrant(line: string): Grant | null {
  const found = form.exec(line);
  if (!found) return null;
  const [, verb, privileges, database, object] = found;
  return {
    revoked: verb === 'REVOKE',
    // A privilege on some columns is none on the table.
    privileges: new Set(splitPrivileges(privileges!).filter((name) => !name.includes('('))),
    database: unquoted(database!),
    object: unquoted(object!),
  };
}

function splitPrivileges(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((name) => name.trim().toUpperCase());
}

const unquoted = (name: string): string | null => (name === '*' ? null : name.slice(1, -1).replaceAll('``', '`'));

/** `_` is any character and `%` any text, unless a backslash stands before them. */
function matches(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/\\([\\_%])|([_%])|([.*+?^${}()|[\]\\])/g, (_, escaped, wild, special) => {
    if (escaped !== undefined) return escaped === '\\' ? '\\\\' : escaped;
    if (wild !== undefined) return wild === '_' ? '.' : '.*';
    return `\\${special}`;
  });
  return new RegExp(`^${source}$`, 'su').test(name);
}

/**
 * Whether a privilege holds for a database as a whole (also for objects that cannot be seen), or for one `object` of it. With
 * `database` null: everywhere.
 */
export function may(
  grants: readonly Grant[],
  privilege: string,
  database: string | null,
  object: string | null = null,
): boolean {
  const holds = (grant: Grant) => grant.privileges.has(privilege) || grant.privileges.has('ALL PRIVILEGES');
  const covers = (grant: Grant) =>
    grant.database === null
      ? grant.object === null
      : database !== null &&
        matches(grant.database, database) &&
        (grant.object === null || (object !== null && grant.object === object));
  const taken = grants.some(
    (grant) => grant.revoked && holds(grant) && database !== null && grant.database === database,
  );
  return !taken && grants.some((grant) => !grant.revoked && holds(grant) && covers(grant));
}
