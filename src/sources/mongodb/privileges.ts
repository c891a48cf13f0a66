import { type Found, isChosen, type Resource, type Spec } from './spec.ts';

/** Whether a grant speaks of a collection: empty names mean all, save those of the server itself. */
function covers({ db, collection, anyResource }: Resource, database: string, name: string): boolean {
  if (anyResource) return true;
  if (db === undefined || collection === undefined) return false;
  if (db !== '' && db !== database) return false;
  return collection === '' ? !name.startsWith('system.') : collection === name;
}

function may({ privileges }: Found, action: string, database: string, name: string): boolean {
  return (privileges ?? []).some(
    ({ resource, actions }) =>
      covers(resource, database, name) && (actions.includes(action) || actions.includes('anyAction')),
  );
}

/** What to type in mongosh. */
function grant({ user }: Found, role: string, database: string): string {
  const { user: name, db } = user!;
  const text = (value: string) => JSON.stringify(value);
  return `in mongosh: db.getSiblingDB(${text(db)}).grantRolesToUser(${text(name)}, [{ role: ${text(role)}, db: ${text(database)} }])`;
}

/** Names of those that the user may not read. */
function unread(found: Found, spec: Spec): string[] {
  return (found.collections ?? [])
    .filter(({ name, type }) => type === 'collection' && !name.startsWith('system.'))
    .filter(({ name }) => isChosen(spec, name))
    .filter(({ database, name }) => !may(found, 'find', database, name))
    .map(({ database, name }) => (spec.database === undefined ? `${database}.${name}` : name));
}

const several = (names: string[]): string =>
  names
    .slice(0, 5)
    .map((name) => `"${name}"`)
    .join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

/** What the user that logs in may not read, with the role to grant. A server without users refuses nobody. */
export function privilegeProblems(spec: Spec, found: Found, oplog: boolean): string[] {
  const { user, privileges } = found;
  if (user === null || privileges === null) return [];
  const { database } = spec;
  const problems: string[] = [];
  const names = unread(found, spec);
  const which = database === undefined ? grant(found, 'backup', 'admin') : grant(found, 'read', database);
  if (database !== undefined && found.collections === null)
    problems.push(`the user "${user.user}" may not list the collections of "${database}"; ${which}`);
  if (database === undefined && found.databases === null)
    problems.push(`the user "${user.user}" may not list the databases; ${which}`);
  if (names.length > 0) problems.push(`the user "${user.user}" may not read ${several(names)}; ${which}`);
  if (oplog && !may(found, 'find', 'local', 'oplog.rs'))
    problems.push(`the user "${user.user}" may not read the oplog; ${grant(found, 'backup', 'admin')}`);
  if ((spec.users || database === undefined) && !may(found, 'find', 'admin', 'system.users'))
    problems.push(`the user "${user.user}" may not read users and roles; ${grant(found, 'backup', 'admin')}`);
  return problems;
}
