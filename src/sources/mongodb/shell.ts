/**
 * What `runner-builtin mongo` does, for MongoDB's shell: in a container or at another host there is no program of ours. The words
 * stand in the environment. It knows no checksums: the shell does not give documents byte by byte.
 */
export const shellScript = `
const words = Array.from({ length: Number(process.env.MONGO_COUNT) }, (_, at) => process.env['MONGO_WORD_' + at]);
const { uri } = JSON.parse(fs.readFileSync(process.env.MONGO_CONFIG, 'utf8'));
const own = ['admin', 'config', 'local'];
const markName = 'runner_mark';
const fail = (text) => { process.stderr.write(text + '\\n'); process.exit(1); };
const print1 = (text) => process.stdout.write(text);

let server;
function open() {
  const one = !uri.startsWith('mongodb+srv:') && !/[?&](replicaSet|directConnection|loadBalanced)=/i.test(uri) &&
    !/^mongodb:\\/\\/(?:[^@/]*@)?[^/?]*,/.test(uri);
  try {
    server = new Mongo(one ? uri.replace(/^([^:]+:\\/\\/[^/?]*)(\\/[^?]*)?(\\?(.*))?$/, (_, hosts, path, __, rest) =>
      hosts + (path || '/') + '?directConnection=true' + (rest ? '&' + rest : '')) : uri);
    server.getDB('admin').runCommand({ ping: 1 });
  } catch (error) {
    fail(error.code === 18 ? 'the server refused the login: wrong user, password or authentication database'
      : 'no server answers: ' + error.message);
  }
}
const at = (name) => server.getDB(name);
const command = (name, document) => at(name).runCommand(document);
function collections(name) {
  return at(name).getCollectionInfos().filter((info) => info.name !== markName && (!info.name.startsWith('system.') || info.name === 'system.js'));
}
function scope(list) {
  if (list[0] === 'all') return { prefix: '', rest: list.slice(1) };
  return list[0] === 'named' ? { named: list[1], rest: list.slice(2) } : { prefix: list[1], rest: list.slice(2) };
}
function databases({ named, prefix }) {
  if (named !== undefined) return [{ name: named, label: '' }];
  return command('admin', { listDatabases: 1, nameOnly: true }).databases.map(({ name }) => name)
    .filter((name) => name.startsWith(prefix) && !own.includes(name)).map((name) => ({ name, label: name.slice(prefix.length) + '.' }));
}
const escaped = (name) => name.replaceAll('\\\\', '\\\\\\\\').replaceAll('\\t', '\\\\t').replaceAll('\\n', '\\\\n');
const permitted = (ask) => { try { return ask(); } catch (error) { if (error.code === 13 || error.code === 59) return null; throw error; } };

const actions = {
  survey(database) {
    const hello = permitted(() => command('admin', { hello: 1 })) || command('admin', { isMaster: 1 });
    const status = permitted(() => command('admin', { connectionStatus: 1, showPrivileges: true }));
    const listed = permitted(() => command('admin', { listDatabases: 1, nameOnly: true }));
    const names = listed && listed.databases.map(({ name }) => name);
    const chosen = database !== '' ? [database] : (names || []).filter((name) => !own.includes(name));
    const found = permitted(() => chosen.flatMap((name) => at(name).getCollectionInfos().map((info) => ({ database: name, name: info.name,
      type: info.type || 'collection', empty: (info.type || 'collection') === 'collection' && at(name).getCollection(info.name).estimatedDocumentCount() === 0 }))));
    const edge = (direction) => at('local').getCollection('oplog.rs').find({}, { ts: 1 }).sort({ $natural: direction }).limit(1).toArray()[0].ts.getHighBits();
    let window = null;
    try {
      const stats = permitted(() => command('local', { collStats: 'oplog.rs' }));
      const young = stats && stats.maxSize > 0 && stats.size < stats.maxSize * 0.9;
      window = hello.setName && !young ? edge(-1) - edge(1) : null;
    } catch {}
    const info = (status && status.authInfo) || {};
    const user = (info.authenticatedUsers || [])[0] || null;
    print1(JSON.stringify({ version: command('admin', { buildInfo: 1 }).version, set: hello.setName || null, mongos: hello.msg === 'isdbgrid', databases: names,
      collections: found, user, privileges: (user && info.authenticatedUserPrivileges) || null, oplog: window,
      uri: { database: decodeURIComponent((/^[^:]+:\\/\\/[^/?]*\\/([^?]+)/.exec(uri) || [])[1] || '') || null, seconds: /[?&]serverSelectionTimeoutMS=/i.test(uri) } }) + '\\n');
  },
  look(database) {
    const all = at(database).getCollectionInfos();
    const full = collections(database).some((info) => info.type !== 'view' && at(database).getCollection(info.name).findOne() !== null);
    print1(all.length === 0 ? 'nothing\\n' : full ? 'full\\n' : 'empty\\n');
  },
  drop(...list) {
    const what = scope(list);
    if (list[0] === 'all') fail('all databases are never dropped at once');
    for (const { name } of databases(what)) at(name).dropDatabase();
  },
  count(...list) {
    const { named, prefix, rest: [written] } = scope(list);
    const dot = written.indexOf('.');
    const database = named !== undefined ? named : prefix + written.slice(0, dot);
    const collection = named !== undefined ? written : written.slice(dot + 1);
    if (!collections(database).some(({ name }) => name === collection)) fail('there is no collection ' + collection + ' in ' + database);
    print1(at(database).getCollection(collection).countDocuments({}) + '\\n');
  },
  contents(what, ...list) {
    if (what !== 'counts') fail('checksums are not to be had at another place: the shell there does not give documents byte by byte; say contents: counts');
    const lines = databases(scope(list)).flatMap(({ name, label }) => collections(name).filter(({ type }) => type !== 'view')
      .map((info) => Buffer.from(escaped(label + info.name) + '\\t' + at(name).getCollection(info.name).countDocuments({}) + '\\n')));
    print1(Buffer.concat(lines.sort(Buffer.compare)).toString());
  },
  move(beside, target, ...names) {
    const known = new Map(collections(beside).map((info) => [info.name, info]));
    const missing = names.find((name) => !known.has(name));
    if (missing !== undefined) fail('the backup holds no collection ' + missing + '; it holds: ' + [...known.keys()].sort().join(', '));
    for (const name of names) {
      const info = known.get(name);
      if (info.type === 'timeseries') fail(name + ' is a time series, which a server cannot rename');
      if (info.type === 'view') {
        if (at(target).getCollectionNames().includes(name)) at(target).getCollection(name).drop();
        at(target).createView(name, info.options.viewOn, info.options.pipeline);
      } else command('admin', { renameCollection: beside + '.' + name, to: target + '.' + name, dropTarget: true });
    }
  },
  mark(database, text) {
    if (at(database).getCollectionNames().includes(markName)) at(database).getCollection(markName).drop();
    if (text !== '') at(database).getCollection(markName).insertOne({ _id: 'runner', text });
  },
  marked(database) {
    const found = at(database).getCollection(markName).findOne({ _id: 'runner' });
    if (found) print1(found.text + '\\n');
  },
};
try {
  open();
  actions[words[0]](...words.slice(1));
} catch (error) {
  fail(error.message);
}
`;
