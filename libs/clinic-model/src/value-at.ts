/** What is at a path such as `document.clinicId`. */
export function valueAt(document: object, path: string): unknown {
  return path.split('.').reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined), // any object may have it
    document,
  );
}
