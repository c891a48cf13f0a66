/** Shared access signatures of a container, made of an account's key. */
import { createHmac } from 'node:crypto';

/** The version of the service whose rules the text below follows. */
const version = '2020-12-06';

/** A token that reads, writes, lists and deletes in one container until `expiry`, or may do less. */
export function signContainer(
  account: string,
  key: string,
  container: string,
  expiry: Date,
  permissions = 'racwdl',
): string {
  const until = expiry.toISOString().replace(/\.\d+/, '');
  const resource = `/blob/${account}/${container}`;
  // Permissions, start, expiry, resource; then identifier, address, protocol; version; kind; snapshot, scope, five headers.
  const fields = [permissions, '', until, resource, '', '', '', version, 'c', '', '', '', '', '', '', ''];
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(fields.join('\n')).digest('base64');
  return new URLSearchParams({ sv: version, sr: 'c', sp: permissions, se: until, sig: signature }).toString();
}
