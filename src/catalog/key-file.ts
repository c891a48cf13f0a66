/** How recovery commands name the file that holds a passphrase: `backup-key` is BACKUP_KEY_FILE. */
export function keyFile(secret: string): string {
  return `${secret.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_FILE`;
}
