/** Mounts of the kernel's table (/proc/self/mountinfo), in its order: of two on one point the later one lies on top. */
export function mountsIn(table: string): { point: string; type: string }[] {
  return table.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const separator = fields.indexOf('-');
    if (separator < 0) return [];
    const point = fields[4]!.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ point, type: fields[separator + 1]! }];
  });
}
