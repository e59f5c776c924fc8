import type { Template } from '../src/template.ts';

/** The fields of a template that hold what people wrote. Links are ours, and what is true or false is nobody's to write. */
export function namesIn({ sample }: Pick<Template<object>, 'sample'>): string[] {
  return Object.entries(sample).flatMap(([key, value]) =>
    typeof value === 'string' && !/link$/i.test(key) ? [key] : [],
  );
}
